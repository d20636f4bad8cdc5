"""The whole loop on one engine: an image built, pushed, run, looked at, stopped and removed.

Each step returns what is to be compared, with what must differ (times, ports, ids) written as a
word in capitals.  All that it makes has a name that begins with `lab-loop`; nothing else is touched.
"""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from lab.errors import Conflict, Unavailable
from lab.widgets.ports import read_port

BASE, IMAGE, STORE_IMAGE = "lab-loop-base:1", "lab-loop:1", "lab-loop-registry:2"
CONTAINER, STORE = "lab-loop", "lab-loop-registry"
LABEL = "docker-learning-lab.loop"
PAGE = "<h1>The whole loop</h1>\n"
DOCKERFILE = f"FROM {BASE}\nLABEL {LABEL}=1\nCOPY index.html /usr/share/nginx/html/\n"

STEPS = ("base", "build", "push", "run", "page", "logs", "stop", "remove")
COMMANDS = {
    "base": f"docker save {BASE} | docker load",
    "build": f"docker build -t {IMAGE} .",
    "push": f"docker push localhost:PORT/{IMAGE}",
    "run": f"docker run -d --name {CONTAINER} -p 127.0.0.1::80 {IMAGE}",
    "page": "curl http://localhost:PORT/",
    "logs": f"docker logs {CONTAINER}",
    "stop": f"docker stop {CONTAINER}",
    "remove": f"docker rm {CONTAINER}",
}

_REGISTRY = "registry:2"
_LIMIT = 20.0
_VARYING = (
    (r"\d{4}[/-]\d\d[/-]\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME"),
    (r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", "[TIME]"),
    (r"\b\d+\.\d+\.\d+\.\d+\b|\b[0-9a-f]*::[0-9a-f:]+", "ADDRESS"),
    (r"\b(\d+)#\1: ", "N#N: "),
    (r"process \d+", "process N"),
    (r"OS: Linux .*", "OS: Linux VERSION"),
    (r"getrlimit\(RLIMIT_NOFILE\): .*", "getrlimit(RLIMIT_NOFILE): N"),
)


class Loop:
    """The loop on one engine.  The steps are taken in their order, each once; then `clean`."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._port = 0
        self._pulled: list[str] = []

    def check(self) -> None:
        """Remove what an earlier loop left.  Raises Conflict if a name is somebody else's."""
        for name in (CONTAINER, STORE):
            found = _found(self._client.containers, name)
            if found is not None and LABEL not in (found.labels or {}):
                raise Conflict(f"there is a container named {name} already; it is left as it is")
        found = _found(self._client.images, IMAGE)
        if found is not None and LABEL not in (found.labels or {}):
            raise Conflict(f"there is an image named {IMAGE} already; it is left as it is")
        for name in (BASE, STORE_IMAGE):
            if _found(self._client.images, name) is not None:
                raise Conflict(
                    f"there is an image named {name} already; if an earlier loop left it, this"
                    f" removes it: docker rmi {name}"
                )
        self.clean()

    def offer(self, source: str, name: str) -> None:
        """Give an image that the engine has or can pull another name."""
        image = _found(self._client.images, source)
        if image is None:
            image = self._client.images.pull(*_parted(source))
            self._pulled.append(source)
        image.tag(*_parted(name))

    def save(self, name: str) -> Iterator[bytes]:
        """Return an image as `docker save` does."""
        chunks: Iterator[bytes] = self._client.api.get_image(name)
        return chunks

    def load(self, chunks: Iterable[bytes]) -> None:
        self._client.images.load(chunks)

    def base(self) -> str:
        """Tell the base image's layers."""
        return "\n".join(self._client.api.inspect_image(BASE)["RootFS"]["Layers"])

    def build(self) -> str:
        """Build the image; tell the steps that were taken."""
        said = self._client.api.build(
            fileobj=_context(), custom_context=True, tag=IMAGE, rm=True, forcerm=True, decode=True
        )
        lines: list[str] = []
        for each in said:
            if "error" in each:
                raise Unavailable(str(each["error"]).strip())
            lines += each.get("stream", "").splitlines()
        return "\n".join(line for line in lines if line.startswith("Step "))

    def has_store(self) -> bool:
        return _found(self._client.images, STORE_IMAGE) is not None

    def push(self) -> str:
        """Run a registry, push to it, and ask it which tags it has."""
        store = self._client.containers.run(
            STORE_IMAGE,
            name=STORE,
            detach=True,
            labels={LABEL: "1"},
            ports={"5000/tcp": ("127.0.0.1", None)},
        )
        port = _port(store, "5000/tcp")
        read_port(port, "v2/", _LIMIT)
        target = f"localhost:{port}/{IMAGE}"
        self._client.images.get(IMAGE).tag(*_parted(target))
        for each in self._client.api.push(target, stream=True, decode=True):
            if "error" in each:
                raise Unavailable(str(each["error"]).strip())
        return read_port(port, "v2/lab-loop/tags/list", _LIMIT).strip()

    def run(self) -> str:
        """Run a container; tell its state and its port."""
        made = self._client.containers.run(
            IMAGE,
            name=CONTAINER,
            detach=True,
            labels={LABEL: "1"},
            ports={"80/tcp": ("127.0.0.1", None)},
        )
        self._port = _port(made, "80/tcp")
        return f"{made.status}  127.0.0.1:PORT->80/tcp"

    def page(self) -> str:
        """Ask for the page, as a browser does."""
        return read_port(self._port, "", _LIMIT).strip()

    def logs(self) -> str:
        """Tell what the server wrote; equal lines once (it has a worker for each processor)."""
        container = self._client.containers.get(CONTAINER)
        end = time.monotonic() + _LIMIT
        while b"GET / HTTP" not in (said := container.logs()) and time.monotonic() < end:
            time.sleep(0.1)
        return "\n".join(sorted(set(normalized(said.decode(errors="replace")).splitlines())))

    def stop(self) -> str:
        """Stop the container; tell how its process ended."""
        container = self._client.containers.get(CONTAINER)
        container.stop()
        container.reload()
        return f"{container.status}, exit code {container.attrs['State']['ExitCode']}"

    def remove(self) -> str:
        """Remove the container; tell what is left of that name."""
        self._client.containers.get(CONTAINER).remove(v=True)
        left = self._client.containers.list(all=True, filters={"name": f"^/{CONTAINER}$"})
        return f"{len(left)} containers named {CONTAINER}"

    def clean(self) -> None:
        """Remove all that the loop made or fetched; what is gone already is no matter."""
        for name in (CONTAINER, STORE):
            found = _found(self._client.containers, name)
            if found is not None:
                found.remove(force=True, v=True)
        built = _found(self._client.images, IMAGE)
        for name in (*(built.tags if built else ()), BASE, STORE_IMAGE, *self._pulled):
            try:
                self._client.images.remove(name)
            except (ImageNotFound, NotFound):
                pass
        self._pulled.clear()

    def close(self) -> None:
        self._client.close()


def send(lab: Loop, own: Loop, source: str) -> None:
    """Bring the base image, and a registry's if the lab's Hub has one, to the other engine."""
    lab.offer(source, BASE)
    own.load(lab.save(BASE))
    try:
        lab.offer(_REGISTRY, STORE_IMAGE)
    except APIError:
        return  # then there is nothing to push to
    own.load(lab.save(STORE_IMAGE))


def normalized(text: str) -> str:
    """Return a text with words in place of times, addresses and process numbers."""
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text)
    return text


def ended(error: Exception) -> str:
    """Return what went wrong, as one line."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    return str(error) or type(error).__name__


FAILURES = (DockerException, OSError, Unavailable, Conflict, ValueError)
"""What a step can raise; requests' errors are OSErrors."""


def _found(collection: Any, name: str) -> Any:
    try:
        return collection.get(name)
    except NotFound:
        return None


def _parted(name: str) -> tuple[str, str]:
    repository, _, tag = name.rpartition(":")
    return (repository, tag) if repository else (name, "latest")


def _port(container: Any, inside: str) -> int:
    """Return the port of the host that leads to one of a container's; it may take a moment."""
    end = time.monotonic() + _LIMIT
    while True:
        container.reload()
        bound = (container.attrs["NetworkSettings"]["Ports"] or {}).get(inside)
        if bound:
            return int(bound[0]["HostPort"])
        if time.monotonic() > end or container.status not in ("created", "running"):
            raise Unavailable(f"{container.name} has no port: it is {container.status}")
        time.sleep(0.1)


def _context() -> io.BytesIO:
    """Return what is built, with times that are always the same."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE), ("index.html", PAGE)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(text.encode()), 1_700_000_000
            tar.addfile(member, io.BytesIO(text.encode()))
    packed.seek(0)
    return packed
