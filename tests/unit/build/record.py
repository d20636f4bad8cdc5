"""Plays the recorded cases to a real Docker Engine (20.10) and writes down what it does.

    python -m tests.unit.build.record SOCKET [NAME...]

The engine should be one started for the purpose: its unused images are deleted.  The static
busybox of the machine becomes the shell of the base image.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import socket
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .cases import BASE, BASE_NAME, BASE_TIME, Case, Numbers, cases, listing

_APPLETS = "sh ls cat echo true false mkdir rm chmod touch id env pwd".split()
_MADE_BY_CONTAINERS = ("dev", "proc", "sys", ".dockerenv", "etc/hosts", "etc/hostname")
_MADE_BY_CONTAINERS += ("etc/resolv.conf", "etc/mtab")
_KINDS = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "link"}
_KINDS[tarfile.LNKTYPE] = "file"


class Engine:
    """The few calls that are needed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self._path)
        connection.request(method, "/v1.41" + path, body, {"Content-Type": "application/x-tar"})
        return connection.getresponse().read()

    def json(self, method: str, path: str, body: bytes | None = None) -> Any:
        return json.loads(self.call(method, path, body))

    def reset(self) -> None:
        for container in self.json("GET", "/containers/json?all=1"):
            self.call("DELETE", f"/containers/{container['Id']}?force=1")
        everything = urlencode({"filters": json.dumps({"dangling": {"false": True}})})
        self.call("POST", f"/images/prune?{everything}")
        query = urlencode({"fromSrc": "-", "repo": BASE_NAME, "changes": 'CMD ["sh"]'})
        self.call("POST", f"/images/create?{query}", base_archive())

    def files(self, image: str) -> set[str]:
        made = self.call_json_body("/containers/create", {"Image": image, "Cmd": ["x"]})
        archive = self.call("GET", f"/containers/{made['Id']}/export")
        self.call("DELETE", f"/containers/{made['Id']}")
        return set(_listed(archive))

    def call_json_body(self, path: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self._path)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1.41" + path, json.dumps(body), headers)
        return json.loads(connection.getresponse().read())


def base_archive() -> bytes:
    """The base image with a real shell in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, what in BASE.items():
            member = tarfile.TarInfo(name)
            member.mtime, member.mode = BASE_TIME, 0o755 if what is None else 0o644
            content = what.encode() if isinstance(what, str) else b""
            member.size = len(content)
            if what is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(what, tuple):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, what[1], 0o777
            archive.addfile(member, io.BytesIO(content))
        shell = archive.gettarinfo("/bin/busybox", "bin/busybox")
        shell.uid = shell.gid = 0
        archive.addfile(shell, io.BytesIO(Path("/bin/busybox").read_bytes()))
        for applet in _APPLETS:
            member = tarfile.TarInfo(f"bin/{applet}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(member)
    return buffer.getvalue()


def record(engine: Engine, case: Case) -> None:
    """Write the recordings of one case."""
    engine.reset()
    before = engine.files(BASE_NAME)
    numbers = Numbers()
    messages: list[dict[str, Any]] = []
    for number, build in enumerate(case.builds, 1):
        options = {"rm": "1", **build.get("options", {})}
        query = urlencode(options, doseq=True)
        answer = engine.call("POST", f"/build?{query}", case.context(build))
        messages = numbers.messages([json.loads(line) for line in answer.splitlines()])
        lines = [json.dumps(message) for message in messages]
        _write(case, f"stream.{number}", lines)
    ids = re.findall("sha256:[0-9a-f]{64}", answer.decode())
    if not ids:
        return
    image = ids[-1]
    steps = [entry["CreatedBy"] for entry in engine.json("GET", f"/images/{image}/history")]
    # later releases of Docker put a blank behind the owner
    steps = [re.sub(r"(--chown=\S+?)(file|dir|multi):", r"\1 \2:", step) for step in steps]
    # and one more duration into a health check
    steps = [re.sub(r"(HEALTHCHECK &.* )('.*?'\})", r'\1"0s" \2', step) for step in steps]
    _write(case, "history", [step for step in reversed(steps) if step])
    _write(case, "files", sorted(engine.files(image) - before))


def _write(case: Case, name: str, lines: list[str]) -> None:
    (case.folder / name).write_text("".join(line + "\n" for line in lines))


def _listed(archive: bytes) -> list[str]:
    lines = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as reader:
        for member in reader:
            name = member.name.rstrip("/")
            if name in ("etc", "") or name.split("/")[0] in ("dev", "proc", "sys"):
                continue
            if name in _MADE_BY_CONTAINERS:
                continue
            kind = _KINDS[member.type]
            what = member.linkname if kind == "link" else ""
            if kind == "file":
                content = reader.extractfile(member)
                what = hashlib.sha256(content.read() if content else b"").hexdigest()[:16]
            owner = (member.uid, member.gid)
            lines.append(listing(name, kind, member.mode, owner, member.mtime, what))
    return lines


if __name__ == "__main__":
    chosen = sys.argv[2:]
    for each in cases():
        if not chosen or each.name in chosen:
            record(Engine(sys.argv[1]), each)
            print(each.name)
