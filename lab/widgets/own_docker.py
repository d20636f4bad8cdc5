"""The loop of lesson 11 once more, on the lab's engine and on the learner's own Docker Engine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import docker
import traitlets

from lab import connect
from lab.client import check_docker_host
from lab.widgets import assets, own_engines, texts
from lab.widgets.engine import Engine
from lab.widgets.loop import COMMANDS, FAILURES, STEPS, Loop, ended, send
from lab.widgets.streams import Json
from lab.widgets.texts_own_docker import OWN_DOCKER

_SOURCE = "nginx"
_LIMIT = 300
_NOT_DONE: Json = {"state": "waiting", "said": ""}


class OwnDocker(anywidget.AnyWidget):
    """Goes through the loop on both engines, step by step, and compares.

        OwnDocker()

    It looks for a Docker Engine of the learner's own, and touches it only after a click.  What
    the loop makes is removed again, however it ends.  `places` are the addresses to look at.
    """

    _esm = assets.script("dom", "own_docker")
    _css = assets.style("common", "live", "own_docker")

    words = traitlets.Dict(texts.table(texts.COMMON, OWN_DOCKER)).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    commands = traitlets.Dict(COMMANDS).tag(sync=True)
    phase = traitlets.Unicode("looking").tag(sync=True)
    """looking, none, in_use (the lab uses the learner's engine), found, running, done, failed"""
    engines: traitlets.List[Any] = traitlets.List().tag(sync=True)
    looked: traitlets.List[Any] = traitlets.List().tag(sync=True)
    steps: traitlets.List[Any] = traitlets.List().tag(sync=True)
    fault = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, *places: str, lang: str = "", socket: str | None = None, source: str = _SOURCE
    ) -> None:
        super().__init__(lang=lang or texts.language_of_lesson(Path.cwd()))
        self._socket, self._source = socket, source
        self._places = list(places) or own_engines.candidates(Path.home(), os.environ)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.steps = _fresh()
        self.on_msg(self._on_message)
        self._begin(self._look)

    def __repr__(self) -> str:
        return "OwnDocker()"

    def close(self) -> None:
        """Take the widget away; a loop that runs ends after its present step, and cleans up."""
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_LIMIT)
        super().close()

    def _on_message(self, _: Any, content: Json, __: Any) -> None:
        if content.get("kind") == "look":
            self._begin(self._look)
        elif content.get("kind") == "go":
            address = str(content.get("address"))
            if address in [each["address"] for each in self.engines]:
                self._begin(lambda: self._go(address))

    def _begin(self, work: Callable[[], None]) -> None:
        """Do it in a thread, one thing at a time."""
        with self._lock:
            if self._closed.is_set() or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=work, name="lab-own-docker", daemon=True)
            self._thread.start()

    # --- in the thread

    def _look(self) -> None:
        self.phase, self.fault = "looking", ""
        try:
            in_use, besides = self._lab_engine()
        except FAILURES as error:
            self._fail(error)
            return
        found = [] if in_use else own_engines.look(self._places, besides)
        with self.hold_sync():
            self.looked = [place.removeprefix("unix://") for place in self._places]
            self.engines = [{"address": each.address, "name": each.name} for each in found]
            self.phase = "in_use" if in_use else "found" if found else "none"

    def _lab_engine(self) -> tuple[bool, str]:
        """Return whether the lab uses a learner's engine, and the address of what it uses."""
        client = connect(self._socket)
        try:
            address = self._socket or str(client.api.base_url).removeprefix("http+unix:/")
            return not Engine(client).has_extension, address
        finally:
            client.close()

    def _go(self, address: str) -> None:
        with self.hold_sync():
            self.phase, self.fault, self.steps = "running", "", _fresh()
        try:
            lab = Loop(connect(self._socket))
            own = Loop(docker.DockerClient(base_url=check_docker_host(address), timeout=_LIMIT))
        except FAILURES as error:
            self._fail(error)
            return
        try:
            self._compare(lab, own)
        finally:
            lab.close()
            own.close()

    def _compare(self, lab: Loop, own: Loop) -> None:
        try:
            lab.check()
            own.check()
        except FAILURES as error:
            self._fail(error)
            return
        try:
            send(lab, own, self._source)
            going = all(self._step(number, lab, own) for number in range(len(STEPS)))
        except FAILURES as error:
            self.fault, going = ended(error), False
        left = [_clean(lab), _clean(own)]
        with self.hold_sync():
            self.fault = "; ".join(filter(None, [self.fault, *left]))
            self.phase = "done" if going and not self.fault else "failed"

    def _step(self, number: int, lab: Loop, own: Loop) -> bool:
        """Take one step on both; return whether the next one can be taken."""
        key = STEPS[number]
        if self._closed.is_set():
            return False
        if key == "push" and not (lab.has_store() and own.has_store()):
            self._show(number, state="skipped")
            return True
        self._show(number, state="running")
        told = {}
        for side, loop in (("lab", lab), ("own", own)):
            told[side] = _take(getattr(loop, key))
            self._show(number, **told)
        good = all(each["state"] == "done" for each in told.values())
        same = good and told["lab"]["said"] == told["own"]["said"]
        self._show(number, state="same" if same else "different" if good else "failed")
        # without a registry the rest goes on
        return good or key == "push"

    def _show(self, number: int, **changed: Any) -> None:
        steps = list(self.steps)
        steps[number] = {**steps[number], **changed}
        self.steps = steps

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            self.phase, self.fault = "failed", ended(error)


def _fresh() -> list[Json]:
    return [{"key": key, "state": "waiting", "lab": _NOT_DONE, "own": _NOT_DONE} for key in STEPS]


def _take(step: Callable[[], str]) -> Json:
    try:
        return {"state": "done", "said": step()}
    except FAILURES as error:
        return {"state": "failed", "said": ended(error)}


def _clean(loop: Loop) -> str:
    """Remove what the loop made; return why that failed, if it did."""
    try:
        loop.clean()
    except FAILURES as error:
        return ended(error)
    return ""
