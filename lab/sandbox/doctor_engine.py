"""What a running engine says of itself.  Source: Docker Engine API, SystemInfo, SystemVersion."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

LIMIT = 3.0

_KIND = "lab.sandbox="


def ask(path: Path) -> dict[str, Any] | None:
    """Return what the engine at a socket says; None if none answers in time.

    `kind` is its sandbox (`docker` for an engine that is not the lab's), `kernel` the release that
    its containers see, `cgroup` the version, `limits` which of them can be set, `api` its version.
    """
    try:
        info, version = _get(path, "/info"), _get(path, "/version")
        labels = [label for label in info.get("Labels") or () if label.startswith(_KIND)]
        return {
            "kind": labels[0].removeprefix(_KIND) if labels else "docker",
            "kernel": str(info["KernelVersion"]),
            "cgroup": str(info.get("CgroupVersion", "")),
            "api": str(version["ApiVersion"]),
            "limits": {
                "memory": bool(info.get("MemoryLimit")),
                "cpu": bool(info.get("CpuCfsQuota")),
                "pids": bool(info.get("PidsLimit")),
            },
        }
    except (OSError, HTTPException, ValueError, KeyError, AttributeError):
        return None


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=LIMIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(str(self._path))


def _get(path: Path, address: str) -> dict[str, Any]:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", address)
        answer = connection.getresponse()
        content: dict[str, Any] = json.loads(answer.read())
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        return content
    finally:
        connection.close()
