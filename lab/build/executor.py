"""Performs a plan: the stages one after the other, each on an image or on an earlier stage.

With `stage.py` and `gather.py` it is the only part of the builder that touches the world, and it
does so through a backend.  What it says is what Docker's classic builder says.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.build import instructions as ins
from lab.build import steps
from lab.build.args import BuildArgs
from lab.build.context import Context
from lab.build.gather import Gatherer
from lab.build.plan import BuildOptions, Plan, Stage, Step
from lab.build.stage import Clock, StageBuild, World, at, now
from lab.errors import BuildError, LabError
from lab.ids import short_id
from lab.oci.image_config import ContainerConfig

SCRATCH = "scratch"
"""The name of the empty image."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a build came to: the ids of its image and of the image it started from ("": scratch)."""

    image: str
    base: str


class Executor:
    """Performs one plan, once."""

    def __init__(
        self, plan: Plan, context: Context, options: BuildOptions, world: World, clock: Clock = now
    ) -> None:
        self._plan = plan
        self._options = options
        self._world = world
        self._backend = world.backend
        self._progress = world.progress
        self._clock = clock
        self._gatherer = Gatherer(
            context, world.backend, world.progress, world.ids, world.cancelled
        )
        self._names: dict[str, StageBuild] = {}
        self._done: list[StageBuild] = []

    def run(self) -> Result:
        """Perform all steps and return the image of the last stage.

        Raises BuildError with the line of the step that failed, or what the backend raised.
        """
        if self._plan.warnings:
            self._progress.warn("\n".join(self._plan.warnings) + "\n")
        args = self._declared()
        unused = set(self._options.build_args)
        base = ""
        for stage in self._plan.stages:
            base = self._perform(stage, args)
            unused &= set(self._done[-1].state.args.not_consumed())
        if unused:
            names = " ".join(sorted(unused))
            self._progress.say(f"[Warning] One or more build-args [{names}] were not consumed\n")
        image = self._done[-1].image
        if not image:
            raise BuildError("No image was generated. Is your Dockerfile empty?")
        return Result(image, base)

    def _declared(self) -> BuildArgs:
        args = BuildArgs(given=self._options.build_args)
        for step in self._plan.before:
            self._announce(step)
            if isinstance(step.instruction, ins.Arg):
                with at(step):
                    args = steps.declare_before_from(step.instruction, args, self._plan.escape)
        return args

    def _perform(self, stage: Stage, args: BuildArgs) -> str:
        """Perform a stage; return the id of the image that it starts from."""
        name = stage.source.name
        if name and name in self._names:
            raise BuildError(f"{name} stage name already used", stage.source.line)
        self._announce(stage.base)
        build = StageBuild(self._options, self._world, self._gatherer, self._image_of, self._clock)
        with at(stage.base):
            image, config = self._source(stage, args)
        build.begin(stage.base, image, config, args, self._plan.escape)
        self._progress.say(f" ---> {short_id(build.image)}\n")
        for step in stage.steps:
            if self._world.cancelled():
                self._progress.say("Build cancelled\n")
                raise LabError("Build cancelled")
            self._announce(step)
            build.perform(step)
            self._progress.say(f" ---> {short_id(build.image)}\n")
        if build.image:
            self._progress.image(build.image)
        self._done.append(build)
        if name:
            self._names[name] = build
        return image

    def _source(self, stage: Stage, args: BuildArgs) -> tuple[str, ContainerConfig]:
        """Return the id ("": nothing) and the settings of what FROM names."""
        escape = self._plan.escape
        platform = steps.before_from(stage.source.platform, args, escape)
        name = steps.base_image(stage.source.image, args, escape)
        earlier = self._names.get(name.lower())
        if earlier is not None:
            return earlier.image, earlier.state.config
        if name == SCRATCH:
            return "", ContainerConfig()
        image = self._backend.base(name, self._options.pull, self._progress.emit, platform)
        return image.id, image.config.config

    def _image_of(self, name: str) -> str:
        """Return the id of the image that `COPY --from` names: a stage, its number, an image."""
        stage = self._names.get(name.lower())
        if stage is None and name.removeprefix("-").isdecimal():
            stage = self._numbered(name)
        if stage is not None:
            return stage.image
        try:
            return self._backend.base(name, self._options.pull, self._progress.emit).id
        except LabError as error:
            raise BuildError(f"invalid from flag value {name}: {error.message}") from None

    def _numbered(self, text: str) -> StageBuild:
        number = int(text)
        if 0 <= number < len(self._done):
            return self._done[number]
        reason = "index out of bounds"
        if number == len(self._done):
            reason = "refers to current build stage"
        raise BuildError(f"invalid from flag value {text}: {reason}")

    def _announce(self, step: Step) -> None:
        self._progress.say(f"Step {step.number}/{self._plan.total} : {step.instruction.text}")
        self._progress.say("\n")
