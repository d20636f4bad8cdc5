"""What an engine has promised: all whose making it has answered, but for what it was to remove."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import docker

LABEL = "kept"
"""On objects of the ledger, so that no prune of the load takes them."""

ACCOUNT = {"username": "faults", "password": "s3cret-enough"}


@dataclass
class Ledger:
    """Names by what they name; `data` is what was written into a volume, or an image's id.

    `filled` are volumes that have what the image has in /etc.
    """

    images: dict[str, str] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    filled: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    containers: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: str, name: str, data: str) -> None:
        with self._lock:
            getattr(self, kind)[name] = data

    def forget_one(self, kind: str) -> str | None:
        """Take something off, before it is removed: from now on nobody knows."""
        with self._lock:
            table = getattr(self, kind)
            return table.popitem()[0] if table else None

    def check(self, client: docker.DockerClient) -> None:
        """Fail unless everything is there, with its content."""
        for name, image in self.images.items():
            assert client.images.get(name).id == image
            assert client.containers.run(name, "cat /made", remove=True)
        for name in self.networks:
            assert client.networks.get(name).attrs["Labels"] == {LABEL: "yes"}
        for name, status in self.containers.items():
            assert client.containers.get(name).status == status
        for name, text in self.volumes.items():
            read = client.containers.run(
                "busybox", "cat /v/made", volumes={name: {"bind": "/v"}}, remove=True
            )
            assert read.decode() == text
        for name in self.filled:
            script = "cmp /v/passwd /etc/passwd && echo filled"
            places = {name: {"bind": "/v"}}
            command = ["sh", "-c", script]
            assert client.containers.run("busybox", command, volumes=places, remove=True)
        self._check_pushed(client)

    def _check_pushed(self, client: docker.DockerClient) -> None:
        if self.pushed:
            client.login(**ACCOUNT)
        for name, image in self.pushed.items():
            client.images.remove(name, force=True)
            assert client.images.pull(name).id == image

    def empty(self, client: docker.DockerClient) -> None:
        """Remove everything that is on it; images go with all others."""
        for name in self.containers:
            client.containers.get(name).remove(force=True)
        for name in self.networks:
            client.networks.get(name).remove()
        for name in self.filled:
            # one that made it get its content, whose removal was cut short
            for each in client.containers.list(all=True, filters={"volume": name}):
                each.remove()
        for name in (*self.volumes, *self.filled):
            client.volumes.get(name).remove()
