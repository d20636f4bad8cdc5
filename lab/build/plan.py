"""Records -> plan: the numbered steps of a build, in stages.

As in Docker's classic builder, all stages up to the one asked for are built, whether the last one
needs them or not.  Source: Dockerfile reference; numbering and wording are that builder's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.build.instructions import Arg, From, Instruction, Label
from lab.build.interpret import parse_instruction
from lab.build.parser import ParsedFile
from lab.errors import BuildError


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the user asks of a build besides the Dockerfile; defaults are those of the API.

    `remove` deletes the intermediate containers of steps that succeed, `force_remove` all;
    `pull` looks for a newer base image; `quiet` shows nothing but the image's id.
    """

    tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    labels: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    remote: str = ""
    no_cache: bool = False
    remove: bool = True
    force_remove: bool = False
    pull: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the build's progress: `Step number/total : text`."""

    number: int
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a Dockerfile: FROM, and the steps after it."""

    base: Step
    source: From
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in order: ARGs before the first FROM, and the stages."""

    before: tuple[Step, ...]
    stages: tuple[Stage, ...]
    escape: str
    warnings: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.before) + sum(1 + len(stage.steps) for stage in self.stages)


def make_plan(parsed: ParsedFile, options: BuildOptions) -> Plan:
    """Return the steps of a parsed Dockerfile, up to the stage that is asked for.

    Raises BuildError with the line for what is wrong, Unsupported for what this engine lacks.
    """
    before: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for instruction in map(parse_instruction, parsed.nodes):
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            before.append(instruction)
        else:
            raise BuildError("no build stage in current context", instruction.line)
    if not stages:
        raise BuildError("no build stage in current context")
    stages = _up_to(options.target, stages)
    stages[-1][1].extend(_labels(options.labels))
    numbers = itertools.count(1)
    first = tuple(Step(next(numbers), each) for each in before)
    return Plan(
        first,
        tuple(_stage(source, after, numbers) for source, after in stages),
        parsed.escape,
        parsed.warnings,
    )


def _stage(source: From, after: list[Instruction], numbers: Iterator[int]) -> Stage:
    base = Step(next(numbers), source)
    return Stage(base, source, tuple(Step(next(numbers), each) for each in after))


def _up_to(
    target: str, stages: list[tuple[From, list[Instruction]]]
) -> list[tuple[From, list[Instruction]]]:
    if not target:
        return stages
    for number, (source, _) in enumerate(stages):
        if target.lower() == source.name:
            return stages[: number + 1]
    raise BuildError(f"failed to reach build target {target} in Dockerfile")


def _labels(labels: Mapping[str, str]) -> list[Instruction]:
    return [
        Label(0, f"LABEL {name}={value}", ((name, value),), literal=True)
        for name, value in sorted(labels.items())
    ]
