"""One step -> what it does: variables are put in, and the settings of the image are worked out.

Pure: `settle` takes the state after the step before and returns the state after this one, with
the action that the executor has to perform to make an image of it.

Source: Dockerfile reference; Docker's classic builder for how a step is written in the history.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from lab.build import healthcheck, steps_files
from lab.build import instructions as ins
from lab.build.args import BuildArgs
from lab.build.expand import expand, expand_words
from lab.build.golang import quote_list
from lab.build.ports import exposed_ports
from lab.build.state import Settled, State, command_line, expanded, settings
from lab.errors import BuildError


def declare_before_from(instruction: ins.Arg, args: BuildArgs, escape: str) -> BuildArgs:
    """Return the arguments after an ARG that stands before FROM."""
    return args.declare(_expanded_args(instruction, args.values(), escape))


def before_from(text: str, args: BuildArgs, escape: str) -> str:
    """Return a part of FROM with variables put in: only those that ARG declared before it."""
    return expand(text, args.values(), escape)


def base_image(image: str, args: BuildArgs, escape: str) -> str:
    """Return the name after FROM with variables put in; BuildError if nothing is left of it."""
    name = expand(image, args.values(), escape)
    if not name:
        raise BuildError(f"base name ({image}) should not be blank")
    return name


def settle(instruction: ins.Instruction, state: State) -> Settled:
    """Return what the instruction does.  Raises BuildError with Docker's wording."""
    return _SETTLERS[type(instruction)](instruction, state)


def _env(step: ins.Env, state: State) -> Settled:
    pairs = _expanded_pairs(step.pairs, state)
    env = dict(_named(state.config.env))
    env.update((name, f"{name}={value}") for name, value in pairs)
    return settings(state, "ENV " + _joined(pairs), env=tuple(env.values()))


def _label(step: ins.Label, state: State) -> Settled:
    pairs = list(step.pairs) if step.literal else _expanded_pairs(step.pairs, state)
    return settings(state, "LABEL " + _joined(pairs), labels={**state.config.labels, **dict(pairs)})


def _user(step: ins.User, state: State) -> Settled:
    user = expanded(step.user, state)
    return settings(state, f"USER {user}", user=user)


def _expose(step: ins.Expose, state: State) -> Settled:
    variables = state.variables()
    specs = [word for port in step.ports for word in expand_words(port, variables, state.escape)]
    ports = {port for spec in specs for port in exposed_ports(spec)}
    everything = tuple(sorted(ports.union(state.config.exposed_ports)))
    return settings(state, "EXPOSE " + " ".join(specs), exposed_ports=everything)


def _cmd(step: ins.Cmd, state: State) -> Settled:
    cmd = command_line(step.command, step.shell, state)
    state = replace(state, cmd_set=state.cmd_set or bool(step.command))
    return settings(state, f"CMD {quote_list(cmd)}", cmd=cmd)


def _entrypoint(step: ins.Entrypoint, state: State) -> Settled:
    entrypoint = step.command and command_line(step.command, step.shell, state)
    # the base image's CMD was meant for its own entry point
    cmd = state.config.cmd if state.cmd_set else None
    comment = f"ENTRYPOINT {quote_list(entrypoint or ())}"
    return settings(state, comment, entrypoint=entrypoint, cmd=cmd)


def _arg(step: ins.Arg, state: State) -> Settled:
    pairs = _expanded_args(step, state.variables(), state.escape)
    state = replace(state, args=state.args.declare(pairs))
    words = [name if value is None else f"{name}={value}" for name, value in pairs]
    return settings(state, "ARG " + " ".join(words))


def _shell(step: ins.Shell, state: State) -> Settled:
    return settings(state, f"SHELL [{' '.join(step.command)}]", shell=step.command)


def _stop_signal(step: ins.StopSignal, state: State) -> Settled:
    name = expanded(step.signal, state)
    if not _is_signal(name):
        raise BuildError(f"Invalid signal: {name}")
    return settings(state, f"STOPSIGNAL {name}", stop_signal=name)


def _health_check(step: ins.HealthCheck, state: State) -> Settled:
    comment = f"HEALTHCHECK {healthcheck.noted(step.check)}"
    return settings(state, comment, healthcheck=step.check)


def _on_build(step: ins.OnBuild, state: State) -> Settled:
    triggers = (*state.config.on_build, step.trigger)
    return settings(state, f"ONBUILD {step.trigger}", on_build=triggers)


def _volume(step: ins.Volume, state: State) -> Settled:
    paths = [expanded(path, state) for path in step.paths]
    if "" in paths:
        raise BuildError("VOLUME specified can not be an empty string")
    everything = tuple(sorted({*state.config.volumes, *paths}))
    return settings(state, f"VOLUME [{' '.join(paths)}]", volumes=everything)


def _maintainer(step: ins.Maintainer, state: State) -> Settled:
    return settings(replace(state, author=step.name), f"MAINTAINER {step.name}")


def _expanded_pairs(pairs: ins.Pairs, state: State) -> list[tuple[str, str]]:
    # all with the variables before the step: `ENV a=1 b=$a` does not see the new a
    variables = state.variables()
    return [
        (expand(name, variables, state.escape), expand(value, variables, state.escape))
        for name, value in pairs
    ]


def _expanded_args(
    step: ins.Arg, variables: dict[str, str], escape: str
) -> list[tuple[str, str | None]]:
    return [
        (
            expand(name, variables, escape),
            None if value is None else expand(value, variables, escape),
        )
        for name, value in step.pairs
    ]


def _named(env: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((entry.partition("=")[0], entry) for entry in env)


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in pairs)


def _is_signal(text: str) -> bool:
    if text.removeprefix("-").isdecimal() and text.isascii():
        return int(text) != 0
    name = text.upper().removeprefix("SIG")
    base, sign, offset = name.partition("+" if name.startswith("RTMIN") else "-")
    if base in ("RTMIN", "RTMAX"):
        limit = 15 if base == "RTMIN" else 14
        return not sign or (offset.isdecimal() and 0 < int(offset) <= limit)
    return f"SIG{name}" in signal.Signals.__members__


_SETTLERS: dict[type[ins.Instruction], Callable[[Any, State], Settled]] = {
    ins.Arg: _arg,
    ins.Cmd: _cmd,
    ins.Copy: steps_files.copy,
    ins.Entrypoint: _entrypoint,
    ins.Env: _env,
    ins.Expose: _expose,
    ins.HealthCheck: _health_check,
    ins.Label: _label,
    ins.Maintainer: _maintainer,
    ins.OnBuild: _on_build,
    ins.Run: steps_files.run,
    ins.Shell: _shell,
    ins.StopSignal: _stop_signal,
    ins.User: _user,
    ins.Volume: _volume,
    ins.Workdir: steps_files.workdir,
}
