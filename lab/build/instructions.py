"""The instructions of a Dockerfile as records: one frozen class for each.

Variables are not put in yet (`steps.py` does that), and nothing has been looked up.  The
records are made from the parser's nodes by `interpret.py`.  Source: Dockerfile reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.build.heredoc import Document
from lab.oci.fields import Json

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """What every instruction has: its `line` in the Dockerfile (0: not from it), and its text."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class From(Instruction):
    """`FROM [--platform=os/arch] image [AS name]`; `name` is in lower case, or empty."""

    image: str
    name: str
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Run(Instruction):
    """`RUN command`; with `shell`, the shell runs the one string in `command`."""

    command: tuple[str, ...]
    shell: bool


@dataclass(frozen=True, slots=True)
class Copy(Instruction):
    """`COPY [--from=stage] [--chown=user:group] [--chmod=mode] source... destination`, and ADD.

    `documents` are the sources that stand in the Dockerfile itself.
    """

    sources: tuple[str, ...]
    destination: str
    chown: str
    chmod: str = ""
    from_: str = ""
    documents: tuple[Document, ...] = ()
    verb: str = "COPY"


@dataclass(frozen=True, slots=True)
class Env(Instruction):
    """`ENV name=value ...`"""

    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Label(Instruction):
    """`LABEL name=value ...`; with `literal` (`build --label`), variables are left alone."""

    pairs: Pairs
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Workdir(Instruction):
    """`WORKDIR path`"""

    path: str


@dataclass(frozen=True, slots=True)
class User(Instruction):
    """`USER name[:group]`"""

    user: str


@dataclass(frozen=True, slots=True)
class Expose(Instruction):
    """`EXPOSE port[/protocol] ...`, sorted, as Docker sorts them."""

    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cmd(Instruction):
    """`CMD command`, like Run."""

    command: tuple[str, ...]
    shell: bool


@dataclass(frozen=True, slots=True)
class Entrypoint(Instruction):
    """`ENTRYPOINT command`, like Run; None takes the entry point away (`ENTRYPOINT []`)."""

    command: tuple[str, ...] | None
    shell: bool


@dataclass(frozen=True, slots=True)
class Arg(Instruction):
    """`ARG name[=default] ...`; a default of None is none."""

    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Shell(Instruction):
    """`SHELL ["program", "argument"]`"""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSignal(Instruction):
    """`STOPSIGNAL signal`"""

    signal: str


@dataclass(frozen=True, slots=True)
class HealthCheck(Instruction):
    """`HEALTHCHECK [--interval=...] CMD command`, or NONE: the member of an image's settings."""

    check: Json


@dataclass(frozen=True, slots=True)
class OnBuild(Instruction):
    """`ONBUILD instruction`: text that a build from this image runs first."""

    trigger: str


@dataclass(frozen=True, slots=True)
class Volume(Instruction):
    """`VOLUME path ...`, or a JSON array."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maintainer(Instruction):
    """`MAINTAINER name`, which Docker discourages in favour of a label."""

    name: str
