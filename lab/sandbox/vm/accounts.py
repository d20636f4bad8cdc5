"""Accounts of a Hub that lives on the disk of a microVM: only its engine can make them."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

from lab.errors import InvalidParameter, LabError, Unavailable

_LIMIT = 30.0
_NOTE = "socket"


def note_socket(run_folder: Path, listens_at: Path) -> None:
    """Remember, while the microVM runs, where its engine listens."""
    (run_folder / _NOTE).write_text(str(listens_at.absolute()))


def is_inside(root: Path) -> bool:
    """Say whether the Hub of the engine in `root` is on a microVM's disk."""
    return (root / "vm" / "disk.ext4").exists() and not (root / "engine.db").exists()


def add(root: Path, name: str, password: str) -> None:
    """Make an account.  Raises Unavailable if the engine does not run, InvalidParameter as the
    Hub says."""
    try:
        path = (root / "vm" / "run" / _NOTE).read_text()
        status, said = _post(path, {"name": name, "password": password})
    except OSError:
        raise Unavailable(
            f"the Hub of {root} is on the disk of a microVM, which does not run",
            "start the lab, then make the account",
        ) from None
    if status == 200:
        raise InvalidParameter(f"account name {name!r} is already taken")
    if status != 201:
        raise InvalidParameter(said)


def _post(path: str, body: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("localhost", timeout=_LIMIT)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_LIMIT)
        sock.connect(path)
        connection.sock = sock
        try:
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", "/lab/v1/accounts", json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (http.client.HTTPException, ValueError):
            raise LabError("the engine's answer cannot be read") from None
    return answer.status, str(content.get("message", ""))
