"""A stand-in for a Docker Engine: the lab's own engine, with all that Docker does not know cut off.

Each connection carries one request: it is told to close, so that the next one is looked at too.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

NOT_FOUND = b'{"message":"page not found"}'
_HEAD_LIMIT = 1 << 16


@contextlib.contextmanager
def without_extension(engine: Path, socket_path: Path) -> Iterator[str]:
    """Serve at `socket_path` what the engine at `engine` answers, but nothing below /lab/v1/."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path))
        listener.listen(64)
        threading.Thread(target=_accept, args=(listener, engine), daemon=True).start()
        yield f"unix://{socket_path}"
        listener.shutdown(socket.SHUT_RDWR)
    socket_path.unlink()


def _accept(listener: socket.socket, engine: Path) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, engine), daemon=True).start()


def _serve(client: socket.socket, engine: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as upstream, contextlib.suppress(OSError):
        head, rest = _read_head(client)
        if not head:
            return
        if head.split(b" ")[1].startswith(b"/lab/"):
            length = str(len(NOT_FOUND)).encode()
            answer = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
            client.sendall(
                answer + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n" + NOT_FOUND
            )
            return
        upstream.connect(str(engine))
        upstream.sendall(_closing(head) + rest)
        _couple(client, upstream)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received and len(received) < _HEAD_LIMIT:
        data = client.recv(65536)
        if not data:
            return b"", b""
        received += data
    head, _, rest = received.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _closing(head: bytes) -> bytes:
    """Return a request's head that asks for one answer only, unless it asks for an upgrade."""
    if re.search(rb"\r\nupgrade:", head, re.IGNORECASE):
        return head
    kept = re.sub(rb"\r\nconnection:[^\r]*", b"", head, flags=re.IGNORECASE)
    return kept[:-2] + b"Connection: close\r\n\r\n"


def _couple(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until both sides have ended what they say."""
    to = {one: other, other: one}
    while to:
        for source in select.select(list(to), [], [])[0]:
            data = source.recv(65536)
            if data:
                to[source].sendall(data)
            else:
                target = to.pop(source)
                with contextlib.suppress(OSError):
                    target.shutdown(socket.SHUT_WR)
