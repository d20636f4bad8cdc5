"""One step -> what it does: variables are put in, and the settings of the image are worked out.

Pure: `settle` takes the state after the step before and returns the state after this one, with
the action that the executor has to perform to make an image of it.

Source: Dockerfile reference; Docker's classic builder for how a step is written in the history.
"""

from __future__ import annotations

import posixpath
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from lab.build import instructions as ins
from lab.build.args import BuildArgs
from lab.build.expand import expand, expand_words
from lab.build.golang import clean, quote_list
from lab.build.ports import exposed_ports
from lab.errors import BuildError
from lab.oci.image_config import ContainerConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH of an image that sets none."""

_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class State:
    """What has been settled so far: the image's settings, and what later steps need to know."""

    config: ContainerConfig = field(default_factory=ContainerConfig)
    args: BuildArgs = field(default_factory=BuildArgs)
    escape: str = "\\"
    author: str = ""
    cmd_set: bool = False

    def variables(self) -> dict[str, str]:
        """What `$name` means here: build arguments, hidden by the environment."""
        return {**self.args.values(), **self.config.environ()}

    def shell(self) -> tuple[str, ...]:
        """The program that runs commands written as one string."""
        return self.config.shell or _SHELL


@dataclass(frozen=True, slots=True)
class Settings:
    """Only the settings change; `command` is how Docker writes that in the history."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """The directory `path` is to exist."""

    command: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class RunCommand:
    """`argv` is to run in `config`; `command` is argv with the build arguments before it."""

    command: tuple[str, ...]
    argv: tuple[str, ...]
    config: ContainerConfig


@dataclass(frozen=True, slots=True)
class CopyFiles:
    """`sources` of the context are to be copied to `destination`, absolute or as written."""

    sources: tuple[str, ...]
    destination: str
    chown: str


Action = Settings | MakeDirectory | RunCommand | CopyFiles
Settled = tuple[State, Action]


def begin(config: ContainerConfig, args: BuildArgs, escape: str) -> State:
    """Return the state after FROM an image with these settings."""
    if "PATH" not in config.environ():
        config = replace(config, env=(*config.env, f"PATH={DEFAULT_PATH}"))
    return State(config, args.begin_stage(), escape)


def declare_before_from(instruction: ins.Arg, args: BuildArgs, escape: str) -> BuildArgs:
    """Return the arguments after an ARG that stands before FROM."""
    return args.declare(_expanded_args(instruction, args.values(), escape))


def base_image(image: str, args: BuildArgs, escape: str) -> str:
    """Return the name after FROM with variables put in; BuildError if nothing is left of it."""
    name = expand(image, args.values(), escape)
    if not name:
        raise BuildError(f"base name ({image}) should not be blank")
    return name


def settle(instruction: ins.Instruction, state: State) -> Settled:
    """Return what the instruction does.  Raises BuildError with Docker's wording."""
    return _SETTLERS[type(instruction)](instruction, state)


def nop(state: State, comment: str) -> tuple[str, ...]:
    """Return how the history notes a step that runs nothing; two words, hence two blanks."""
    return (*state.shell(), "#(nop) ", comment)


def nop_joined(state: State, comment: str) -> tuple[str, ...]:
    """The same in one word, as Docker writes it for WORKDIR and COPY."""
    return (*state.shell(), f"#(nop) {comment}")


def noted(state: State, command: tuple[str, ...]) -> ContainerConfig:
    """Return the settings of the container that stands for a step which runs nothing."""
    return replace(state.config, cmd=command)


def copy_destination(state: State, destination: str) -> str:
    """Return the absolute destination; a slash at its end is kept, for it means a directory."""
    if destination.startswith("/"):
        return destination
    joined = clean("/" + state.config.working_dir + "/" + destination)
    return joined + "/" if destination.endswith("/") and joined != "/" else joined


def _env(step: ins.Env, state: State) -> Settled:
    pairs = _expanded_pairs(step.pairs, state)
    env = dict(_named(state.config.env))
    env.update((name, f"{name}={value}") for name, value in pairs)
    return _settings(state, "ENV " + _joined(pairs), env=tuple(env.values()))


def _label(step: ins.Label, state: State) -> Settled:
    pairs = list(step.pairs) if step.literal else _expanded_pairs(step.pairs, state)
    return _settings(
        state, "LABEL " + _joined(pairs), labels={**state.config.labels, **dict(pairs)}
    )


def _user(step: ins.User, state: State) -> Settled:
    user = _expanded(step.user, state)
    return _settings(state, f"USER {user}", user=user)


def _expose(step: ins.Expose, state: State) -> Settled:
    variables = state.variables()
    specs = [word for port in step.ports for word in expand_words(port, variables, state.escape)]
    ports = {port for spec in specs for port in exposed_ports(spec)}
    everything = tuple(sorted(ports.union(state.config.exposed_ports)))
    return _settings(state, "EXPOSE " + " ".join(specs), exposed_ports=everything)


def _cmd(step: ins.Cmd, state: State) -> Settled:
    cmd = _command_line(step.command, step.shell, state)
    state = replace(state, cmd_set=state.cmd_set or bool(step.command))
    return _settings(state, f"CMD {quote_list(cmd)}", cmd=cmd)


def _entrypoint(step: ins.Entrypoint, state: State) -> Settled:
    entrypoint = step.command and _command_line(step.command, step.shell, state)
    # the base image's CMD was meant for its own entry point
    cmd = state.config.cmd if state.cmd_set else None
    comment = f"ENTRYPOINT {quote_list(entrypoint or ())}"
    return _settings(state, comment, entrypoint=entrypoint, cmd=cmd)


def _arg(step: ins.Arg, state: State) -> Settled:
    pairs = _expanded_args(step, state.variables(), state.escape)
    state = replace(state, args=state.args.declare(pairs))
    words = [name if value is None else f"{name}={value}" for name, value in pairs]
    return _settings(state, "ARG " + " ".join(words))


def _shell(step: ins.Shell, state: State) -> Settled:
    return _settings(state, f"SHELL [{' '.join(step.command)}]", shell=step.command)


def _stop_signal(step: ins.StopSignal, state: State) -> Settled:
    name = _expanded(step.signal, state)
    if not _is_signal(name):
        raise BuildError(f"Invalid signal: {name}")
    return _settings(state, f"STOPSIGNAL {name}", stop_signal=name)


def _maintainer(step: ins.Maintainer, state: State) -> Settled:
    return _settings(replace(state, author=step.name), f"MAINTAINER {step.name}")


def _workdir(step: ins.Workdir, state: State) -> Settled:
    path = _expanded(step.path, state)
    if not path:
        raise BuildError("cannot normalize nothing")
    if not path.startswith("/"):
        path = clean(posixpath.join("/", state.config.working_dir, path))
    state = replace(state, config=replace(state.config, working_dir=path))
    return state, MakeDirectory(nop_joined(state, f"WORKDIR {path}"), path)


def _run(step: ins.Run, state: State) -> Settled:
    argv = _command_line(step.command, step.shell, state)
    given = state.args.for_run(state.config.environ())
    noted = [entry for entry in given if state.args.in_history(entry)]
    command = (f"|{len(noted)}", *noted, *argv) if given else argv
    config = replace(
        state.config,
        env=(*state.config.env, *given),
        cmd=argv,
        entrypoint=None,
        healthcheck={"Test": ["NONE"]},
    )
    return state, RunCommand(command, argv, config)


def _copy(step: ins.Copy, state: State) -> Settled:
    sources = tuple(_expanded(source, state) for source in step.sources)
    destination = _expanded(step.destination, state)
    return state, CopyFiles(sources, destination, _expanded(step.chown, state))


def _settings(state: State, comment: str, **changes: Any) -> Settled:
    state = replace(state, config=replace(state.config, **changes))
    return state, Settings(nop(state, comment))


def _expanded(word: str, state: State) -> str:
    return expand(word, state.variables(), state.escape)


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


def _command_line(command: tuple[str, ...], shell: bool, state: State) -> tuple[str, ...]:
    return (*state.shell(), *command) if shell else command


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
    ins.Copy: _copy,
    ins.Entrypoint: _entrypoint,
    ins.Env: _env,
    ins.Expose: _expose,
    ins.Label: _label,
    ins.Maintainer: _maintainer,
    ins.Run: _run,
    ins.Shell: _shell,
    ins.StopSignal: _stop_signal,
    ins.User: _user,
    ins.Workdir: _workdir,
}
