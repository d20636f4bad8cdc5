"""Nodes -> records: what each line means, checked as far as text alone allows.

Instructions and options that Docker knows and this engine does not have are refused here, by
name and line, before anything runs.

Source: Dockerfile reference; wording of errors: Docker's classic builder.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lab.build.golang import quote
from lab.build.instructions import (
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Instruction,
    Label,
    Maintainer,
    Pairs,
    Run,
    Shell,
    StopSignal,
    User,
    Workdir,
)
from lab.build.parser import Node
from lab.errors import BuildError, Unsupported

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_NOT_YET = ("add", "healthcheck", "onbuild", "volume")
_NEED_BUILDKIT = {
    "run": ("mount", "network", "security", "device"),
    "copy": ("chmod", "link", "parents", "exclude"),
}


def parse_instruction(node: Node) -> Instruction:
    """Return what the node says.

    Raises BuildError with Docker's wording and the line, or Unsupported.
    """
    if node.keyword in _NOT_YET:
        raise Unsupported(
            f"dockerfile line {node.line}: this engine does not have the instruction"
            f" {node.keyword.upper()} yet"
        )
    make = _MAKERS.get(node.keyword)
    try:
        if make is None:
            raise BuildError(f"unknown instruction: {node.keyword.upper()}")
        return make(node)
    except BuildError as error:
        raise BuildError(
            f"dockerfile parse error line {node.line}: {error.message}", node.line
        ) from None


def _from(node: Node) -> Instruction:
    name = ""
    if len(node.args) == 3 and node.args[1].lower() == "as":
        name = node.args[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise BuildError(
                f"invalid name for build stage: {quote(node.args[2])}, name can't start with a"
                " number or contain symbols"
            )
    elif len(node.args) != 1:
        raise BuildError("FROM requires either one or three arguments")
    if _flags(node, "platform"):
        raise Unsupported(f"dockerfile line {node.line}: FROM --platform is not there yet")
    return From(node.line, node.text, node.args[0], name)


def _run(node: Node) -> Instruction:
    _some(node)
    _flags(node)
    return Run(node.line, node.text, *_command(node))


def _copy(node: Node) -> Instruction:
    if len(node.args) < 2:
        raise BuildError(
            "COPY requires at least two arguments, but only one was provided. Destination could"
            " not be determined"
        )
    flags = _flags(node, "chown", "from")
    if flags.get("from"):
        raise Unsupported(
            f"dockerfile line {node.line}: COPY --from (multi-stage builds) is not there yet"
        )
    *sources, destination = node.args
    return Copy(node.line, node.text, tuple(sources), destination, flags.get("chown", ""))


def _env(node: Node) -> Instruction:
    return Env(node.line, node.text, _pairs(node))


def _label(node: Node) -> Instruction:
    return Label(node.line, node.text, _pairs(node))


def _workdir(node: Node) -> Instruction:
    return Workdir(node.line, node.text, _single(node))


def _user(node: Node) -> Instruction:
    return User(node.line, node.text, _single(node))


def _expose(node: Node) -> Instruction:
    _some(node)
    _flags(node)
    return Expose(node.line, node.text, tuple(sorted(node.args)))


def _cmd(node: Node) -> Instruction:
    _flags(node)
    return Cmd(node.line, node.text, *_command(node))


def _entrypoint(node: Node) -> Instruction:
    _flags(node)
    command, shell = _command(node)
    return Entrypoint(node.line, node.text, command or None, shell)


def _arg(node: Node) -> Instruction:
    _some(node)
    pairs: list[tuple[str, str | None]] = []
    for word in node.args:
        name, equals, value = word.partition("=")
        if not name:
            raise BuildError("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(node.line, node.text, tuple(pairs))


def _shell(node: Node) -> Instruction:
    _flags(node)
    command, is_text = _command(node)
    if not command:
        raise BuildError("SHELL requires at least one argument")
    if is_text:
        raise BuildError("SHELL requires the arguments to be in JSON form")
    return Shell(node.line, node.text, command)


def _stop_signal(node: Node) -> Instruction:
    return StopSignal(node.line, node.text, _single(node))


def _maintainer(node: Node) -> Instruction:
    return Maintainer(node.line, node.text, _single(node))


def _flags(node: Node, *known: str) -> dict[str, str]:
    """Return the options of the instruction; each takes a value."""
    values: dict[str, str] = {}
    for flag in node.flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name in _NEED_BUILDKIT.get(node.keyword, ()):
            raise Unsupported(
                f"dockerfile line {node.line}: the --{name} option requires BuildKit. Refer to"
                " https://docs.docker.com/go/buildkit/ to learn how to build images with"
                " BuildKit enabled",
                hint="this engine builds with the classic builder only",
            )
        if name not in known:
            raise BuildError(f"Unknown flag: {name}")
        if name in values:
            raise BuildError(f"Duplicate flag specified: {name}")
        if not equals:
            raise BuildError(f"Missing a value on flag: {name}")
        values[name] = value
    return values


def _command(node: Node) -> tuple[tuple[str, ...], bool]:
    return node.args, not node.is_json


def _pairs(node: Node) -> Pairs:
    _flags(node)
    _some(node)
    if "" in node.args[::2]:
        raise BuildError(f"{node.keyword.upper()} names can not be blank")
    return tuple(zip(node.args[::2], node.args[1::2], strict=True))


def _some(node: Node) -> None:
    if not node.args:
        raise BuildError(f"{node.keyword.upper()} requires at least one argument")


def _single(node: Node) -> str:
    if len(node.args) != 1:
        raise BuildError(f"{node.keyword.upper()} requires exactly one argument")
    _flags(node)
    return node.args[0]


_MAKERS: dict[str, Callable[[Node], Instruction]] = {
    "arg": _arg,
    "cmd": _cmd,
    "copy": _copy,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "from": _from,
    "label": _label,
    "maintainer": _maintainer,
    "run": _run,
    "shell": _shell,
    "stopsignal": _stop_signal,
    "user": _user,
    "workdir": _workdir,
}
