"""The only part of the builder that touches the world: performs a plan, step after step.

For each step: work out what it does (`steps.py`), ask the cache, otherwise let the backend do
it, and say so in the words of Docker's classic builder.  Every step leaves an image, which the
next one starts from and a later build finds in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.build import instructions as ins
from lab.build import steps
from lab.build.args import BuildArgs
from lab.build.backend import Backend, Cancelled, Change, Populate
from lab.build.cache import Decision, Reason, StepRecord, explain, find
from lab.build.context import Context
from lab.build.copying import Copier, make_workdir, owner_of
from lab.build.plan import BuildOptions, Plan, Step
from lab.build.rootfs import RootFs
from lab.build.selection import combined_checksum, files_of, select
from lab.build.stream import CommandOutput, Progress
from lab.errors import BuildError, LabError, Unsupported
from lab.ids import short_id
from lab.kernel.idmap import IdMap
from lab.oci.image_config import ContainerConfig, History

SCRATCH = "scratch"
"""The name of the empty image."""

Decided = Callable[[Decision], None]
Clock = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Result:
    """What a build came to: the ids of its image and of the image it started from ("": scratch)."""

    image: str
    base: str


@dataclass(frozen=True, slots=True)
class World:
    """What the executor works with.

    `ids` tells the owners on disk; `cancelled` is asked often; `decided` is told each decision
    of the cache.
    """

    backend: Backend
    progress: Progress
    ids: IdMap
    cancelled: Cancelled
    decided: Decided


def now() -> str:
    """Return the present moment as RFC 3339, in the fixed width that can be compared as text."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


class Executor:
    """Performs one plan, once."""

    def __init__(
        self, plan: Plan, context: Context, options: BuildOptions, world: World, clock: Clock = now
    ) -> None:
        self._plan = plan
        self._context = context
        self._options = options
        self._world = world
        self._backend = world.backend
        self._progress = world.progress
        self._clock = clock
        self._state = steps.State()
        self._image = ""
        self._missed = False
        self._containers: list[str] = []

    def run(self) -> Result:
        """Perform all steps and return the image.

        Raises BuildError with the line of the step that failed, or what the backend raised.
        """
        plan = self._plan
        if plan.warnings:
            self._progress.warn("\n".join(plan.warnings) + "\n")
        base = self._start(self._declared())
        for step in plan.steps:
            if self._world.cancelled():
                self._progress.say("Build cancelled\n")
                raise LabError("Build cancelled")
            self._announce(step)
            self._perform(step)
            self._progress.say(f" ---> {short_id(self._image)}\n")
        if self._image:
            self._progress.image(self._image)
        unused = self._state.args.not_consumed()
        if unused:
            self._progress.say(
                f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n"
            )
        if not self._image:
            raise BuildError("No image was generated. Is your Dockerfile empty?")
        return Result(self._image, base)

    def _declared(self) -> BuildArgs:
        args = BuildArgs(given=self._options.build_args)
        for step in self._plan.before:
            self._announce(step)
            if isinstance(step.instruction, ins.Arg):
                with _at(step):
                    args = steps.declare_before_from(step.instruction, args, self._plan.escape)
        return args

    def _start(self, args: BuildArgs) -> str:
        """Perform FROM; return the base image's id."""
        self._announce(self._plan.base)
        escape = self._plan.escape
        with _at(self._plan.base):
            name = steps.base_image(self._plan.image, args, escape)
        config = ContainerConfig()
        if name != SCRATCH:
            image = self._backend.base(name, self._options.pull, self._progress.emit)
            if image.config.config.on_build:
                raise Unsupported(
                    f"the base image {name} has ONBUILD instructions, which this engine does not"
                    " have yet"
                )
            self._image, config = image.id, image.config.config
        self._state = steps.begin(config, args, escape)
        self._progress.say(f" ---> {short_id(self._image)}\n")
        return self._image

    def _announce(self, step: Step) -> None:
        self._progress.say(f"Step {step.number}/{self._plan.total} : {step.instruction.text}")
        self._progress.say("\n")

    def _perform(self, step: Step) -> None:
        """Perform a step; afterwards its containers are removed as the user wishes."""
        remove = self._options.force_remove
        try:
            with _at(step):
                self._state, action = steps.settle(step.instruction, self._state)
                self._act(step, action)
            remove = remove or self._options.remove
        finally:
            # nobody looks at what a cancelled build would leave behind
            if remove or self._world.cancelled():
                self._remove_containers()

    def _act(self, step: Step, action: steps.Action) -> None:
        if isinstance(action, steps.CopyFiles):
            self._copy(step, action)
            return
        change = self._change(step, action.command)
        if self._cached(step, change.record):
            return
        if isinstance(action, steps.RunCommand):
            self._run(action, change)
            return
        # before the container, which Docker cannot create if its directory cannot be made
        if isinstance(action, steps.MakeDirectory):
            image = self._backend.add_layer(
                self._image, change, self._populate(lambda root: make_workdir(root, action.path))
            )
        else:
            image = self._backend.add_settings(self._image, change)
        self._create(steps.noted(self._state, action.command))
        self._image = image

    def _run(self, action: steps.RunCommand, change: Change) -> None:
        container = self._create(action.config)
        output = CommandOutput(self._progress)
        code = self._backend.run(container, output, self._world.cancelled)
        output.finish()
        if code:
            command = " ".join(action.argv)
            raise BuildError(f"The command '{command}' returned a non-zero code: {code}", code=code)
        finished = replace(change, history=replace(change.history, created=self._clock()))
        self._image = self._backend.commit(container, finished)

    def _copy(self, step: Step, action: steps.CopyFiles) -> None:
        sources = select(self._context, action.sources)
        if len(sources) > 1 and not action.destination.endswith("/"):
            raise BuildError(
                "When using COPY with more than one source file, the destination must be a"
                " directory and end with a /"
            )
        chown = f"--chown={action.chown} " if action.chown else ""
        comment = f"COPY {chown}{combined_checksum(sources)} in {action.destination} "
        command = steps.nop_joined(self._state, comment)
        change = self._change(step, command, files_of(self._context, sources))
        if self._cached(step, change.record):
            return
        destination = steps.copy_destination(self._state, action.destination)

        def fill(root: RootFs) -> None:
            owner = owner_of(root, action.chown)
            Copier(self._context, root, owner, self._check).copy(sources, destination)

        self._image = self._backend.add_layer(self._image, change, self._populate(fill))

    def _populate(self, fill: Callable[[RootFs], None]) -> Populate:
        def populate(path: Path) -> None:
            with RootFs(path, self._world.ids) as root:
                fill(root)

        return populate

    def _change(
        self, step: Step, command: tuple[str, ...], files: dict[str, str] | None = None
    ) -> Change:
        config = self._state.config
        record = StepRecord.of(step.instruction.text, command, config, files)
        history = History(self._clock(), record.created_by, author=self._state.author)
        return Change(config, history, record)

    def _cached(self, step: Step, record: StepRecord) -> bool:
        """Ask the cache for the image of this step, and report what it said."""
        found = None
        details: tuple[str, ...] = ()
        if self._options.no_cache:
            reason = Reason.NO_CACHE
        elif self._missed:
            reason = Reason.PARENT
        else:
            candidates = self._backend.candidates(self._image)
            found = find(record, candidates)
            reason, details = (Reason.HIT, ()) if found else explain(record, candidates)
        self._missed = found is None
        image = found.image if found else ""
        line, text = step.instruction.line, step.instruction.text
        self._world.decided(Decision(step.number, line, text, reason, details, image))
        if found:
            self._progress.say(" ---> Using cache\n")
            self._image = found.image
        return found is not None

    def _create(self, config: ContainerConfig) -> str:
        container = self._backend.create(self._image, config)
        self._containers.append(container.id)
        for warning in container.warnings:
            self._progress.say(f" ---> [Warning] {warning}\n")
        self._progress.say(f" ---> Running in {short_id(container.id)}\n")
        return container.id

    def _remove_containers(self) -> None:
        while self._containers:
            container = self._containers.pop()
            short = short_id(container)
            try:
                self._backend.remove(container)
            except LabError as error:
                self._progress.say(
                    f"Error removing intermediate container {short}: {error.message}\n"
                )
                return
            self._progress.say(f"Removing intermediate container {short}\n")

    def _check(self) -> None:
        if self._world.cancelled():
            raise LabError("Build cancelled")


@contextmanager
def _at(step: Step) -> Iterator[None]:
    """Add the step's line to an error that has none."""
    try:
        yield
    except BuildError as error:
        error.line = error.line or step.instruction.line
        raise
