"""The instructions of a Dockerfile as records: one frozen class for each.

Variables are not put in yet (`steps.py` does that), and nothing has been looked up.  The
records are made from the parser's nodes by `interpret.py`.  Source: Dockerfile reference.
"""

from __future__ import annotations

from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """What every instruction has: its `line` in the Dockerfile (0: not from it), and its text."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class From(Instruction):
    """`FROM image [AS name]`; `name` is in lower case, or empty."""

    image: str
    name: str


@dataclass(frozen=True, slots=True)
class Run(Instruction):
    """`RUN command`; with `shell`, the shell runs the one string in `command`."""

    command: tuple[str, ...]
    shell: bool


@dataclass(frozen=True, slots=True)
class Copy(Instruction):
    """`COPY [--chown=user:group] source... destination`."""

    sources: tuple[str, ...]
    destination: str
    chown: str


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
class Maintainer(Instruction):
    """`MAINTAINER name`, which Docker discourages in favour of a label."""

    name: str
