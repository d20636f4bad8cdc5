"""One build, and what came of it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.build.builder import Built, build
from lab.build.cache import Decision
from lab.build.plan import BuildOptions
from lab.build.stage import World
from lab.build.stream import Message, Progress, error_message
from lab.errors import LabError
from lab.kernel.idmap import IdMap

from .fake import FakeBackend


@dataclass
class Build:
    """Runs one build; the error, if there is one, ends up in `error` and in the messages."""

    backend: FakeBackend
    ids: IdMap
    scratch: Path
    messages: list[Message] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    built: Built | None = None
    error: LabError | None = None
    cancelled: Callable[[], bool] = lambda: False

    def run(self, text: str, files: Mapping[str, str], **options: Any) -> None:
        self.send(archive({"Dockerfile": text, **files}), BuildOptions(**options))

    def send(self, context: bytes, options: BuildOptions) -> None:
        """Build from an archive; like the API, end with the error, or answer with it alone."""
        progress = Progress(self.messages.append)
        world = World(self.backend, progress, self.ids, self.cancelled, self.decisions.append)
        try:
            self.built = build(io.BytesIO(context), self.scratch, options, world)
        except LabError as error:
            self.error = error
            begun = bool(self.messages)
            self.messages.append(error_message(error) if begun else {"message": error.message})

    @property
    def image(self) -> str:
        assert self.built is not None, self.error
        return self.built.image

    @property
    def text(self) -> str:
        return "".join(message.get("stream", "") for message in self.messages)


def options_of(query: Mapping[str, Any]) -> BuildOptions:
    """Return the options that these parameters of the API mean."""
    tags = query.get("t", ())
    return BuildOptions(
        tags=(tags,) if isinstance(tags, str) else tuple(tags),
        dockerfile=query.get("dockerfile", ""),
        labels=json.loads(query.get("labels", "{}")),
        build_args=json.loads(query.get("buildargs", "{}")),
        target=query.get("target", ""),
        remote=query.get("remote", ""),
        no_cache=query.get("nocache") == "1",
        remove=query.get("rm", "1") == "1",
        force_remove=query.get("forcerm") == "1",
        quiet=query.get("q") == "1",
    )


def archive(files: Mapping[str, str]) -> bytes:
    """Return a tar archive of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            writer.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()
