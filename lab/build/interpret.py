"""Nodes -> records: what each line means, checked as far as text alone allows.

Source: Dockerfile reference; wording of errors: Docker's classic builder.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lab.build import healthcheck, heredoc, interpret_files, options
from lab.build.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    HealthCheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Pairs,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from lab.build.parser import Node
from lab.errors import BuildError

_ONBUILD = re.compile(r"\s*ONBUILD\s*", re.IGNORECASE)


def parse_instruction(node: Node) -> Instruction:
    """Return what the node says.

    Raises BuildError with Docker's wording and the line, or Unsupported for BuildKit's options.
    """
    make = _MAKERS.get(node.keyword)
    try:
        if make is None:
            raise BuildError(f"unknown instruction: {node.keyword.upper()}")
        return make(node)
    except BuildError as error:
        raise BuildError(
            f"dockerfile parse error line {node.line}: {error.message}", node.line
        ) from None


def _run(node: Node) -> Instruction:
    options.some(node)
    options.values(node)
    command, shell = _command(node)
    if node.documents:
        command = (heredoc.command(command[0], node.documents),)
    return Run(node.line, node.text, command, shell)


def _env(node: Node) -> Instruction:
    return Env(node.line, node.text, _pairs(node))


def _label(node: Node) -> Instruction:
    return Label(node.line, node.text, _pairs(node))


def _workdir(node: Node) -> Instruction:
    return Workdir(node.line, node.text, options.single(node))


def _user(node: Node) -> Instruction:
    return User(node.line, node.text, options.single(node))


def _expose(node: Node) -> Instruction:
    options.some(node)
    options.values(node)
    return Expose(node.line, node.text, tuple(sorted(node.args)))


def _cmd(node: Node) -> Instruction:
    options.values(node)
    return Cmd(node.line, node.text, *_command(node))


def _entrypoint(node: Node) -> Instruction:
    options.values(node)
    command, shell = _command(node)
    return Entrypoint(node.line, node.text, command or None, shell)


def _arg(node: Node) -> Instruction:
    options.some(node)
    pairs: list[tuple[str, str | None]] = []
    for word in node.args:
        name, equals, value = word.partition("=")
        if not name:
            raise BuildError("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(node.line, node.text, tuple(pairs))


def _shell(node: Node) -> Instruction:
    options.values(node)
    command, is_text = _command(node)
    if not command:
        raise BuildError("SHELL requires at least one argument")
    if is_text:
        raise BuildError("SHELL requires the arguments to be in JSON form")
    return Shell(node.line, node.text, command)


def _stop_signal(node: Node) -> Instruction:
    return StopSignal(node.line, node.text, options.single(node))


def _health_check(node: Node) -> Instruction:
    return HealthCheck(node.line, node.text, healthcheck.parse(node))


def _on_build(node: Node) -> Instruction:
    options.some(node)
    options.values(node)
    keyword = node.args[0].split()[0].upper()
    if keyword == "ONBUILD":
        raise BuildError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if keyword in ("FROM", "MAINTAINER"):
        raise BuildError(f"{keyword} isn't allowed as an ONBUILD trigger")
    return OnBuild(node.line, node.text, _ONBUILD.sub("", node.text, count=1))


def _volume(node: Node) -> Instruction:
    options.values(node)
    options.some(node)
    paths = tuple(path.strip() for path in node.args)
    if "" in paths:
        raise BuildError("VOLUME specified can not be an empty string")
    return Volume(node.line, node.text, paths)


def _maintainer(node: Node) -> Instruction:
    return Maintainer(node.line, node.text, options.single(node))


def _command(node: Node) -> tuple[tuple[str, ...], bool]:
    return node.args, not node.is_json


def _pairs(node: Node) -> Pairs:
    options.values(node)
    options.some(node)
    if "" in node.args[::2]:
        raise BuildError(f"{node.keyword.upper()} names can not be blank")
    return tuple(zip(node.args[::2], node.args[1::2], strict=True))


_MAKERS: dict[str, Callable[[Node], Instruction]] = {
    "add": interpret_files.add,
    "arg": _arg,
    "cmd": _cmd,
    "copy": interpret_files.copy,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "from": interpret_files.from_,
    "healthcheck": _health_check,
    "label": _label,
    "maintainer": _maintainer,
    "onbuild": _on_build,
    "run": _run,
    "shell": _shell,
    "stopsignal": _stop_signal,
    "user": _user,
    "volume": _volume,
    "workdir": _workdir,
}
