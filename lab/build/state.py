"""What a build has come to after a step, and what a step has the executor do.

Source: Dockerfile reference; Docker's classic builder for how a step is written in the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lab.build.args import BuildArgs
from lab.build.expand import expand
from lab.build.golang import clean
from lab.build.heredoc import Document
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
    """Files are to be copied to `destination`, absolute or as written; `verb` is COPY or ADD.

    `sources` are in the context, or in the stage or image `from_`; `documents` are files in the
    Dockerfile itself.  `chmod` is the mode that all get, in octal digits; empty: their own.
    """

    sources: tuple[str, ...]
    destination: str
    chown: str
    chmod: str = ""
    from_: str = ""
    documents: tuple[Document, ...] = ()
    verb: str = "COPY"


Action = Settings | MakeDirectory | RunCommand | CopyFiles
Settled = tuple[State, Action]


def begin(config: ContainerConfig, args: BuildArgs, escape: str) -> State:
    """Return the state after FROM an image with these settings."""
    if "PATH" not in config.environ():
        config = replace(config, env=(*config.env, f"PATH={DEFAULT_PATH}"))
    return State(config, args.begin_stage(), escape)


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


def settings(state: State, comment: str, **changes: Any) -> Settled:
    """Return a step that changes these members of the settings; `comment` is for the history."""
    state = replace(state, config=replace(state.config, **changes))
    return state, Settings(nop(state, comment))


def expanded(word: str, state: State) -> str:
    """Return the word with variables put in.  Raises BuildError."""
    return expand(word, state.variables(), state.escape)


def command_line(command: tuple[str, ...], shell: bool, state: State) -> tuple[str, ...]:
    """Return what is executed for a command; with `shell` it is text that the shell runs."""
    return (*state.shell(), *command) if shell else command
