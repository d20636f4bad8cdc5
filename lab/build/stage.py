"""One stage of a build: performs its steps, one after the other.

For each step: work out what it does (`steps.py`), ask the cache, otherwise let the backend do
it, and say so in the words of Docker's classic builder.  Every step leaves an image, which the
next one starts from and a later build finds in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.build import instructions as ins
from lab.build import state, steps
from lab.build.args import BuildArgs
from lab.build.backend import Backend, Cancelled, Change, Populate
from lab.build.cache import Decision, Reason, StepRecord, explain, find
from lab.build.copying import Copier, make_workdir, mode_of, owner_of
from lab.build.gather import FindImage, Gatherer
from lab.build.interpret import parse_instruction
from lab.build.parser import parse
from lab.build.plan import BuildOptions, Step
from lab.build.rootfs import RootFs
from lab.build.selection import Source, combined_checksum, files_of
from lab.build.state import State
from lab.build.stream import CommandOutput, Progress
from lab.errors import BuildError, LabError
from lab.ids import short_id
from lab.kernel.idmap import IdMap
from lab.oci.image_config import ContainerConfig, History

Decided = Callable[[Decision], None]
Clock = Callable[[], str]


@dataclass(frozen=True, slots=True)
class World:
    """What a build works with.

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


class StageBuild:
    """Performs one stage; `image` and `state` are what it has come to so far."""

    def __init__(
        self,
        options: BuildOptions,
        world: World,
        gatherer: Gatherer,
        image_of: FindImage,
        clock: Clock = now,
    ) -> None:
        self._options = options
        self._world = world
        self._backend = world.backend
        self._progress = world.progress
        self._gatherer = gatherer
        self._image_of = image_of
        self._clock = clock
        self._missed = False
        self._containers: list[str] = []
        self.image = ""
        self.state = State()

    def begin(
        self, base: Step, image: str, config: ContainerConfig, args: BuildArgs, escape: str
    ) -> None:
        """Start from an image ("": nothing) with these settings; its ONBUILD triggers run."""
        self.image = image
        triggers = config.on_build
        self.state = state.begin(replace(config, on_build=()), args, escape)
        if triggers:
            self._progress.say(f"# Executing {len(triggers)} build trigger")
            if len(triggers) > 1:
                self._progress.say("s")
            self._progress.say("\n")
        for trigger in triggers:
            with at(base):
                instruction = _trigger(trigger)
            self.perform(replace(base, instruction=replace(instruction, line=0)))

    def perform(self, step: Step) -> None:
        """Perform a step; afterwards its containers are removed as the user wishes.

        Raises BuildError with the step's line, or what the backend raises.
        """
        remove = self._options.force_remove
        try:
            with at(step):
                self._note_override(step.instruction)
                self.state, action = steps.settle(step.instruction, self.state)
                self._act(step, action)
            remove = remove or self._options.remove
        finally:
            # nobody looks at what a cancelled build would leave behind
            if remove or self._world.cancelled():
                self._remove_containers()

    def _note_override(self, instruction: ins.Instruction) -> None:
        before = (self.state.config.healthcheck or {}).get("Test")
        if isinstance(instruction, ins.HealthCheck) and before and before[0] != "NONE":
            old = " ".join(before)
            self._progress.say(f"Note: overriding previous HEALTHCHECK: [{old}]\n")

    def _act(self, step: Step, action: state.Action) -> None:
        if isinstance(action, state.CopyFiles):
            with ExitStack() as opened:
                self._copy(step, action, opened)
            return
        change = self._change(step, action.command)
        if self._cached(step, change):
            return
        if isinstance(action, state.RunCommand):
            self._run(action, change)
            return
        # before the container, which Docker cannot create if its directory cannot be made
        if isinstance(action, state.MakeDirectory):
            image = self._backend.add_layer(
                self.image, change, self._populate(lambda root: make_workdir(root, action.path))
            )
        else:
            image = self._backend.add_settings(self.image, change)
        self._create(state.noted(self.state, action.command))
        self.image = image

    def _run(self, action: state.RunCommand, change: Change) -> None:
        container = self._create(action.config)
        output = CommandOutput(self._progress)
        code = self._backend.run(container, output, self._world.cancelled)
        output.finish()
        if code:
            command = " ".join(action.argv)
            raise BuildError(f"The command '{command}' returned a non-zero code: {code}", code=code)
        finished = replace(change, history=replace(change.history, created=self._clock()))
        self.image = self._backend.commit(container, finished)

    def _copy(self, step: Step, action: state.CopyFiles, opened: ExitStack) -> None:
        mode = mode_of(action.chmod)
        sources = self._gatherer.gather(action, self._image_of, opened)
        if len(sources) > 1 and not action.destination.endswith("/"):
            raise BuildError(
                f"When using {action.verb} with more than one source file, the destination must be"
                " a directory and end with a /"
            )
        change = self._change(step, self._copy_command(action, sources), files_of(sources))
        if self._cached(step, change):
            return
        destination = state.copy_destination(self.state, action.destination)

        def fill(root: RootFs) -> None:
            owner = None if action.from_ and not action.chown else owner_of(root, action.chown)
            copier = Copier(root, owner, self._check, mode)
            for source in sources:
                archive = None
                if action.verb == "ADD" and source.extracts and not source.is_directory:
                    archive = self._gatherer.archive(source)
                if archive is None:
                    copier.copy([source], destination)
                    continue
                with at_archive():
                    Copier(root, None, self._check).extract(archive, destination)
                archive.close()

        self.image = self._backend.add_layer(self.image, change, self._populate(fill))

    def _copy_command(self, action: state.CopyFiles, sources: list[Source]) -> tuple[str, ...]:
        chown = f"--chown={action.chown} " if action.chown else ""
        chmod = f"--chmod={action.chmod} " if action.chmod else ""
        what = f"{chown}{chmod}{combined_checksum(sources)}"
        return state.nop_joined(self.state, f"{action.verb} {what} in {action.destination} ")

    def _populate(self, fill: Callable[[RootFs], None]) -> Populate:
        def populate(path: Path) -> None:
            with RootFs(path, self._world.ids) as root:
                fill(root)

        return populate

    def _change(
        self, step: Step, command: tuple[str, ...], files: dict[str, str] | None = None
    ) -> Change:
        config = self.state.config
        record = StepRecord.of(step.instruction.text, command, config, files)
        history = History(self._clock(), record.created_by, author=self.state.author)
        return Change(config, history, record)

    def _cached(self, step: Step, change: Change) -> bool:
        """Ask the cache for the image of this step, and report what it said."""
        image = ""
        details: tuple[str, ...] = ()
        if self._options.no_cache:
            reason = Reason.NO_CACHE
        elif self._missed:
            reason = Reason.PARENT
        else:
            image, reason, details = self._look_up(change)
        self._missed = not image
        line, text = step.instruction.line, step.instruction.text
        self._world.decided(Decision(step.number, line, text, reason, details, image))
        if image:
            self._progress.say(" ---> Using cache\n")
            self.image = image
        return bool(image)

    def _look_up(self, change: Change) -> tuple[str, Reason, tuple[str, ...]]:
        """Return the cached image (empty: none), and why it is one or is not there."""
        candidates = self._backend.candidates(self.image)
        found = find(change.record, candidates)
        image = found.image if found else self._backend.from_named(self.image, change)
        if image:
            return image, Reason.HIT, ()
        return "", *explain(change.record, candidates)

    def _create(self, config: ContainerConfig) -> str:
        container = self._backend.create(self.image, config)
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


def _trigger(text: str) -> ins.Instruction:
    nodes = parse(text.encode(), "ONBUILD").nodes
    if len(nodes) != 1:
        raise BuildError("onbuild trigger should be a single expression")
    return parse_instruction(nodes[0])


@contextmanager
def at(step: Step) -> Iterator[None]:
    """Add the step's line to an error that has none."""
    try:
        yield
    except BuildError as error:
        error.line = error.line or step.instruction.line
        raise


@contextmanager
def at_archive() -> Iterator[None]:
    """Say that it was an archive that could not be unpacked, as Docker does."""
    try:
        yield
    except BuildError as error:
        reason = error.message.removeprefix("failed to copy files: ")
        raise BuildError(f"failed to copy files: Error processing tar file: {reason}") from None
