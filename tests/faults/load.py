"""A mixed load: threads that make, use and remove everything there is, until the engine is gone."""

from __future__ import annotations

import gc
import io
import random
import tarfile
import threading
from collections.abc import Callable

import docker
from docker.errors import APIError, DockerException
from requests import RequestException
from urllib3.exceptions import HTTPError

from lab.sandbox.process import EngineProcess
from tests.faults.ledger import ACCOUNT, LABEL, Ledger

WORKERS = 4

ENDS = (RequestException, HTTPError, DockerException, OSError, ValueError)
"""How a conversation ends whose other side is killed; ValueError: amid a JSON text."""

_NOT_KEPT = {"label!": [LABEL]}


def archive(content: bytes) -> bytes:
    """An archive with a file `copied`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        member = tarfile.TarInfo("copied")
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Load:
    """The threads.  `ledger` is what the engine has promised meanwhile; `failures` its 5xx answers."""

    def __init__(self, engine: EngineProcess, seed: int) -> None:
        self._engine = engine
        self._seed = seed
        self.failures: list[str] = []
        self.ledger = Ledger()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(n, random.Random(seed + n)))
            for n in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait for the threads, which end with the engine."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        # what docker-py lets lie is collected here, while it is allowed
        gc.collect()

    def _work(self, number: int, chance: random.Random) -> None:
        client = docker.DockerClient(base_url=self._engine.host, timeout=20)
        worker = _Worker(client, chance, self.ledger, f"k{self._seed}w{number}")
        try:
            while not self._stop.is_set():
                self._attempt(worker)
        except ENDS:
            # the engine has been killed, or is just now starting to be
            pass
        finally:
            client.close()

    def _attempt(self, worker: _Worker) -> None:
        try:
            worker.step()
        except APIError as error:
            # another worker may just have removed an image: that is refused, nothing has failed
            if error.status_code is None or error.status_code >= 500:
                self.failures.append(f"{error} {error.explanation}")


class _Worker:
    """One thread's steps."""

    def __init__(
        self, client: docker.DockerClient, chance: random.Random, ledger: Ledger, name: str
    ) -> None:
        self._client = client
        self._chance = chance
        self._ledger = ledger
        self._name = name
        self._count = 0

    def step(self) -> None:
        """Do one thing, chosen at random."""
        steps: list[tuple[int, Callable[[], None]]] = [
            (40, self._use_container),
            (12, self._build),
            (10, self._pull),
            (8, self._commit),
            (6, self._push),
            (8, self._volume),
            (6, self._network),
            (4, self._keep_container),
            (6, self._prune),
            (3, self._look),
            (6, self._copy_in_and_out),
            (5, self._save_and_load),
            (6, self._fill_volume),
        ]
        weights = [weight for weight, _ in steps]
        self._chance.choices([step for _, step in steps], weights)[0]()

    def _fresh(self) -> str:
        self._count += 1
        return f"{self._name}n{self._count}"

    def _build(self) -> None:
        name = f"built-{self._fresh()}:1"
        text = f"FROM busybox\nRUN echo {name} > /made\nCOPY Dockerfile /\n"
        keep = self._chance.random() < 0.5
        options = {"tag": name} if keep else {}
        image, _ = self._client.images.build(fileobj=io.BytesIO(text.encode()), rm=True, **options)
        if keep:
            self._ledger.keep("images", name, image.id)

    def _pull(self) -> None:
        self._client.images.pull("hello-world", "latest")
        self._client.images.remove("hello-world", force=True)

    def _use_container(self) -> None:
        chance = self._chance
        options: dict[str, object] = {"ports": {"80/tcp": None}} if chance.random() < 0.3 else {}
        command = chance.choice((["true"], ["sleep", "1000"], ["sh", "-c", "echo x > /made"]))
        if chance.random() < 0.2:
            options["restart_policy"] = {"Name": chance.choice(("always", "on-failure"))}
        if chance.random() < 0.2:
            options["volumes"] = ["/anonymous"]
        container = self._client.containers.create("busybox", command, **options)
        container.start()
        if command[0] == "sleep":
            container.exec_run("true")
        if chance.random() < 0.6:
            container.remove(force=True, v=True)

    def _commit(self) -> None:
        name = f"committed-{self._fresh()}"
        container = self._client.containers.create("busybox", ["sh", "-c", "echo x > /made"])
        container.start()
        container.wait()
        image = container.commit(name, "1")
        self._ledger.keep("images", f"{name}:1", image.id)
        container.remove()

    def _push(self) -> None:
        name = f"{ACCOUNT['username']}/pushed-{self._fresh()}"
        text = f"FROM busybox\nRUN echo {name} > /made\n"
        image, _ = self._client.images.build(
            fileobj=io.BytesIO(text.encode()), rm=True, tag=f"{name}:1"
        )
        told = self._client.images.push(name, "1", auth_config=ACCOUNT, stream=True, decode=True)
        said = list(told)
        if any("aux" in each for each in said):
            self._ledger.keep("pushed", f"{name}:1", image.id)

    def _volume(self) -> None:
        if self._chance.random() < 0.3 and (old := self._ledger.forget_one("volumes")):
            self._client.volumes.get(old).remove()
            return
        name = self._fresh()
        self._client.volumes.create(name, labels={LABEL: "yes"})
        self._client.containers.run(
            "busybox",
            ["sh", "-c", f"echo -n {name} > /v/made"],
            volumes={name: {"bind": "/v"}},
            remove=True,
        )
        self._ledger.keep("volumes", name, name)

    def _fill_volume(self) -> None:
        """A volume that gets the image's content, for the ledger once its container is created."""
        name = self._fresh()
        self._client.volumes.create(name, labels={LABEL: "yes"})
        places = {name: {"bind": "/etc"}}
        container = self._client.containers.create("busybox", ["true"], volumes=places)
        self._ledger.keep("filled", name, "")
        container.remove()

    def _copy_in_and_out(self) -> None:
        container = self._client.containers.create("busybox", ["true"])
        content = self._name.encode() * self._chance.choice((1, 100_000))
        assert container.put_archive("/tmp", archive(content))
        pieces, _ = container.get_archive("/tmp/copied")
        assert content in b"".join(pieces)
        container.remove()

    def _save_and_load(self) -> None:
        name = f"loaded-{self._fresh()}:1"
        text = f"FROM busybox\nRUN echo {name} > /made\n"
        self._client.images.build(fileobj=io.BytesIO(text.encode()), rm=True, tag=name)
        saved = b"".join(self._client.images.get(name).save(named=True))
        self._client.images.remove(name, force=True)
        image = self._client.images.load(saved)[0]
        self._ledger.keep("images", name, image.id)

    def _network(self) -> None:
        if self._chance.random() < 0.5 and (old := self._ledger.forget_one("networks")):
            self._client.networks.get(old).remove()
            return
        name = self._fresh()
        network = self._client.networks.create(name, labels={LABEL: "yes"})
        container = self._client.containers.create("busybox", ["true"], network=name)
        container.start()
        container.remove(force=True)
        self._ledger.keep("networks", name, network.id)

    def _keep_container(self) -> None:
        if self._chance.random() < 0.5 and (old := self._ledger.forget_one("containers")):
            self._client.containers.get(old).remove(force=True)
            return
        name = self._fresh()
        container = self._client.containers.create(
            "busybox", ["true"], name=name, labels={LABEL: "yes"}
        )
        self._ledger.keep("containers", container.name, "created")

    def _look(self) -> None:
        self._client.df()
        self._client.api.containers(all=True, size=True)

    def _prune(self) -> None:
        self._chance.choice(
            (
                lambda: self._client.containers.prune(filters=_NOT_KEPT),
                lambda: self._client.images.prune(filters={"dangling": True}),
                lambda: self._client.volumes.prune(filters=_NOT_KEPT),
                lambda: self._client.networks.prune(filters=_NOT_KEPT),
                self._client.api.prune_builds,
            )
        )()
