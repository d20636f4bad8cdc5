"""Evidence without an engine: what one would tell, put together in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.evidence import Container, Event, Evidence, Image
from grader.student import Student

STUDENT = Student("ann", "02_first_container")
NAME = f"{STUDENT.account}/site"
PAGE = "/usr/share/nginx/html/index.html"
NGINX, SITE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
DIGEST = "sha256:" + "3" * 64


class FakeEvidence(Evidence):
    """An engine's answers, given beforehand."""

    def __init__(
        self,
        events: Sequence[Event] = (),
        images: Sequence[Image] = (),
        containers: Sequence[Container] = (),
        files: Mapping[tuple[str, int], Sequence[str]] | None = None,
        written: Sequence[str] = (),
        pages: Mapping[tuple[str, int], str] | None = None,
        is_lab: bool = True,
    ) -> None:
        self.student = STUDENT
        self.__dict__.update(
            events=tuple(events),
            images=tuple(images),
            containers=tuple(containers),
            is_lab=is_lab,
        )
        self._files = files or {}
        self._written = tuple(written)
        self._pages = pages or {}

    def image(self, id: str) -> Image | None:
        return next((each for each in self.images if each.id == id), None)

    def image_called(self, name: str) -> Image | None:
        return next((each for each in self.images if f"{name}:latest" in each.tags), None)

    def files_of_layer(self, image: Image, number: int, folder: str) -> tuple[str, ...]:
        return tuple(self._files.get((image.id, number), ()))

    def written_by(self, container: Container) -> tuple[str, ...]:
        return self._written

    def page(self, host: str, port: int) -> str | None:
        return self._pages.get((host, port))


def nginx(**changes: Any) -> Image:
    """The official image, with its one layer."""
    members = {"id": NGINX, "tags": ("nginx:latest",), "layers": ("a",), **changes}
    return image(**members)


def site(**changes: Any) -> Image:
    """What a good Dockerfile makes: a label, and a layer with the page."""
    members = {
        "id": SITE,
        "tags": (f"{NAME}:latest",),
        "digests": (f"{NAME}@{DIGEST}",),
        "labels": {"author": "Ann"},
        "layers": ("a", "b"),
        **changes,
    }
    return image(**members)


def image(**members: Any) -> Image:
    return Image(**{"tags": (), "digests": (), "labels": {}, "layers": (), **members})


def pulled(id: str = NGINX, repository: str = "docker.io/library/nginx") -> Event:
    return Event("image", "pull", repository, {"repository": repository, "image": id})


def built(id: str = SITE, base: str = NGINX, tags: str = f"{NAME}:latest") -> Event:
    members = {"image": id, "base": base, "dockerfile": "sha256:" + "d" * 64, "tags": tags}
    return Event("image", "build", id, members)


def pushed(id: str = SITE, name: str = NAME, digest: str = DIGEST) -> Event:
    members = {"image": id, "repository": f"docker.io/{name}", "digest": digest, "tag": "latest"}
    return Event("image", "push", name, members)


def container(**changes: Any) -> Container:
    """A running container of the site, published on port 8080."""
    members: dict[str, Any] = {
        "id": "c" * 64,
        "name": "web",
        "image": SITE,
        "running": True,
        "exit_code": 0,
        "ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
        "mounts": (),
        **changes,
    }
    return Container(**members)


def complete(**changes: Any) -> FakeEvidence:
    """All of the exercise done as it should be."""
    members: dict[str, Any] = {
        "events": (pulled(), built(), pushed()),
        "images": (site(), nginx()),
        "containers": (container(),),
        "files": {(SITE, 2): (PAGE,), (NGINX, 1): (PAGE,), (SITE, 1): (PAGE,)},
        "pages": {("127.0.0.1", 8080): f"<h1>Hello from {STUDENT.account}</h1>"},
        **changes,
    }
    return FakeEvidence(**members)
