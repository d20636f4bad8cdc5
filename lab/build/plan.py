"""Records -> plan: the numbered steps of a build.

Only one stage is executed so far; a second FROM is refused by name.  Source: Dockerfile
reference; the numbering and the wording are those of Docker's classic builder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.build.instructions import Arg, From, Instruction, Label
from lab.build.interpret import parse_instruction
from lab.build.parser import ParsedFile
from lab.errors import BuildError, Unsupported


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
class Plan:
    """What is to be done, in order: ARGs before FROM, FROM, and the steps after it."""

    before: tuple[Step, ...]
    base: Step
    image: str
    steps: tuple[Step, ...]
    escape: str
    warnings: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.before) + 1 + len(self.steps)


def make_plan(parsed: ParsedFile, options: BuildOptions) -> Plan:
    """Return the steps of a parsed Dockerfile.

    Raises BuildError with the line for what is wrong, Unsupported for what this engine lacks.
    """
    before: list[Instruction] = []
    base: From | None = None
    after: list[Instruction] = []
    for instruction in map(parse_instruction, parsed.nodes):
        if base is not None:
            after.append(_single_stage(instruction))
        elif isinstance(instruction, From):
            base = instruction
        elif isinstance(instruction, Arg):
            before.append(instruction)
        else:
            raise BuildError("no build stage in current context", instruction.line)
    if base is None:
        raise BuildError("no build stage in current context")
    _check_target(options.target, base)
    after += _labels(options.labels)
    steps = [Step(number, each) for number, each in enumerate([*before, base, *after], 1)]
    cut = len(before)
    return Plan(
        tuple(steps[:cut]),
        steps[cut],
        base.image,
        tuple(steps[cut + 1 :]),
        parsed.escape,
        parsed.warnings,
    )


def _single_stage(instruction: Instruction) -> Instruction:
    if isinstance(instruction, From):
        raise Unsupported(
            f"dockerfile line {instruction.line}: this engine does not have multi-stage builds"
            " (a second FROM) yet"
        )
    return instruction


def _check_target(target: str, base: From) -> None:
    if target and target.lower() != base.name:
        raise BuildError(f"failed to reach build target {target} in Dockerfile")


def _labels(labels: Mapping[str, str]) -> list[Instruction]:
    return [
        Label(0, f"LABEL {name}={value}", ((name, value),), literal=True)
        for name, value in sorted(labels.items())
    ]
