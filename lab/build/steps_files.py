"""What WORKDIR, RUN, COPY and ADD do: the steps that make files.

Source: Dockerfile reference; Docker's classic builder for how they are noted.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace

from lab.build import instructions as ins
from lab.build.expand import expand_text
from lab.build.golang import clean
from lab.build.heredoc import Document
from lab.build.state import (
    CopyFiles,
    MakeDirectory,
    RunCommand,
    Settled,
    State,
    command_line,
    expanded,
    nop_joined,
)
from lab.errors import BuildError


def workdir(step: ins.Workdir, state: State) -> Settled:
    """Settle a WORKDIR."""
    path = expanded(step.path, state)
    if not path:
        raise BuildError("cannot normalize nothing")
    if not path.startswith("/"):
        path = clean(posixpath.join("/", state.config.working_dir, path))
    state = replace(state, config=replace(state.config, working_dir=path))
    return state, MakeDirectory(nop_joined(state, f"WORKDIR {path}"), path)


def run(step: ins.Run, state: State) -> Settled:
    """Settle a RUN; build arguments are in its environment, and in its note."""
    argv = command_line(step.command, step.shell, state)
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


def copy(step: ins.Copy, state: State) -> Settled:
    """Settle a COPY or an ADD."""
    return state, CopyFiles(
        tuple(expanded(source, state) for source in step.sources),
        expanded(step.destination, state),
        expanded(step.chown, state),
        expanded(step.chmod, state),
        step.from_,
        tuple(_document(each, state) for each in step.documents),
        step.verb,
    )


def _document(document: Document, state: State) -> Document:
    if not document.expand:
        return document
    return replace(document, text=expand_text(document.text, state.variables(), state.escape))
