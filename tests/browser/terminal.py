"""A terminal of JupyterLab, and what its shell has written.

The page draws the text on a canvas, where no test can read it.  So it is taken from the connection
by which it comes.
"""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, WebSocket, expect

LIMIT = 60_000
"""Milliseconds for a shell to start, or a command to end."""

_CONTROL = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()].|[=>78])")
"""Colours, titles, modes.  Source: ECMA-48; xterm, Control Sequences."""

_PROMPT = re.compile(r"[$#] $")


class Terminal:
    """The next terminal that `page` opens; made before that happens."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._panel = page.locator(".jp-Terminal").last
        self._socket: WebSocket | None = None
        self._received = ""
        self._typed = False
        page.on("websocket", self._on_socket)

    def run(self, command: str) -> str:
        """Type a command in a terminal that is in sight; return what it wrote, up to the next prompt.

        That may be the prompt of another shell, which the command started.
        """
        self.type(command)
        return self.await_prompt()

    def type(self, command: str) -> None:
        """Type a command, and wait for nothing."""
        self._panel.locator(".xterm-screen").click(timeout=LIMIT)
        expect(self._panel.locator("textarea.xterm-helper-textarea")).to_be_focused(timeout=LIMIT)
        self._received, self._typed = "", True
        self._page.keyboard.type(f"{command}\n")

    def await_prompt(self) -> str:
        """Wait until a shell has nothing to do; return what was written up to then."""
        if self._socket is None:
            self._page.wait_for_event("websocket", lambda _: bool(self._socket), timeout=LIMIT)
        assert self._socket is not None
        if not self._at_prompt():
            self._socket.wait_for_event("framereceived", lambda _: self._at_prompt(), timeout=LIMIT)
        return self._text()

    def _on_socket(self, socket: WebSocket) -> None:
        if self._socket is None and "/terminals/websocket/" in socket.url:
            self._socket = socket
            socket.on("framereceived", self._on_frame)

    def _on_frame(self, payload: str | bytes) -> None:
        # terminado's messages: ["stdout", text], ["setup", {}], ...
        kind, *content = json.loads(payload)
        if kind == "stdout":
            self._received += content[0]

    def _text(self) -> str:
        return _CONTROL.sub("", self._received)

    def _at_prompt(self) -> bool:
        text = self._text()
        # a change of the size makes a shell show its prompt again, amid what is being typed
        answers = not self._typed or "\n" in text
        return answers and _PROMPT.search(text) is not None
