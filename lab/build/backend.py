"""The seam between the builder and the engine: what a build needs from the world.

The builder decides *what* happens: which step, with which settings, what to copy, what to say.
The engine decides *how*, with its containers, snapshots and image store, by implementing
`Backend`.  The life of one step:

    RUN               candidates -> create -> run -> commit -> remove
    COPY, ADD         candidates -> add_layer; before that `view` for --from, `download` for a URL
    WORKDIR           candidates -> add_layer -> create -> remove
    any other         candidates -> add_settings -> create -> remove
    any, cached       candidates

Steps that run nothing `create` a container too, because Docker shows one for each of them, and
keeps it with `rm=false`.  Such a container is never started; the engine need not prepare more
than its record.

An object serves one build, so it can hold what else the request said: credentials for
registries, limits, the network.

Images are named by their full ids (`sha256:...`).  The parent "" is the empty image of
`FROM scratch`: no layers, the engine's own architecture, `os` linux.

Every method may be called from a worker thread, blocks until it is done, and raises a LabError
that is shown to the user as it is.  A method that raises leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lab.build.cache import Candidate, StepRecord
from lab.build.stream import Emit
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, History, ImageConfig
from lab.oci.reference import Reference

Output = Callable[[str, bytes], None]
"""Takes what a command wrote: `stdout` or `stderr`, and the bytes; never two calls at a time."""

Cancelled = Callable[[], bool]
"""Whether the build is to stop."""

Populate = Callable[[Path], None]
"""Changes the file system that has this directory as its root."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image that is there: its full id and its configuration."""

    id: str
    config: ImageConfig


@dataclass(frozen=True, slots=True)
class StepContainer:
    """A container that was created: its full id, and Docker's warnings about its settings."""

    id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was fetched: its name, empty if none is known, its type, its time.

    `mtime_ns` is nanoseconds since the epoch, 0 if the server did not tell.
    """

    name: str
    media_type: str = ""
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What a step makes of its parent, besides files.

    `config` replaces the parent's settings; `history` is appended, with `empty_layer` decided
    by `child`; `record` is to be kept with the image and given back by `candidates`.
    """

    config: ContainerConfig
    history: History
    record: StepRecord

    def child(self, parent: ImageConfig, layer: Digest | None) -> ImageConfig:
        """Return the configuration of the new image; `layer` is the diff id of its new layer."""
        settings = replace(parent, config=self.config, author=self.history.author)
        return settings.with_step(replace(self.history, empty_layer=layer is None), layer)


class Backend(Protocol):
    """What the engine does for a build."""

    def base(self, name: str, pull: bool, emit: Emit, platform: str = "") -> BaseImage:
        """Return the image that FROM names, by reference or id; never called for `scratch`.

        What is not there is pulled; with `pull`, a newer one is looked for in any case.  The
        messages of a pull go to `emit`.  `platform` is `os/architecture`, or empty for the
        build's own.  Raises NotFound, InvalidParameter, RegistryError.
        """

    def view(self, image: str) -> AbstractContextManager[Path]:
        """Show the file system of an image in a directory for a while; nothing may be written."""

    def download(self, url: str, target: Path, emit: Emit, cancelled: Cancelled) -> Download:
        """Fetch what is at an `http` or `https` address into the file `target`.

        Its progress goes to `emit`.  Looks at `cancelled` and then raises LabError; raises
        LabError for what cannot be had, BuildError for an answer that is an error.
        """

    def candidates(self, parent: str) -> Sequence[Candidate]:
        """Return the images that earlier builds made from `parent`, in any order.

        Where the user named images to take the cache from, only steps of those count.
        """

    def from_named(self, parent: str, change: Change) -> str | None:
        """Return the image of this step as one of the images made it that the cache is taken from.

        None where the user named no such images, or none of them continues `parent` so.
        """

    def create(self, parent: str, config: ContainerConfig) -> StepContainer:
        """Create a container of the image `parent`, for one step.

        `config` is complete: nothing of the image's own settings is to be merged in.
        """

    def run(self, container: str, output: Output, cancelled: Cancelled) -> int:
        """Start the container, pass on what it writes, and return its exit code.

        All output has been passed on when this returns.  Looks at `cancelled` at least every
        second; when it is true, kills and deletes the container and raises LabError.
        Raises StartError if the command cannot be started.
        """

    def commit(self, container: str, change: Change) -> str:
        """Make an image of what the container's command wrote, and return its id.

        If it wrote nothing, the image gets no new layer.
        """

    def add_layer(self, parent: str, change: Change, populate: Populate) -> str:
        """Make an image of what `populate` does to the file system of `parent`.

        `populate` gets a directory that shows the parent's files, and in which it may write as
        in a container's root: nothing there is shared with a running container.  Owners on
        disk are ids of the sandbox (`IdMap`).  If it changes nothing, the image gets no new
        layer; if it raises, no image is made and the error is passed on.
        """

    def add_settings(self, parent: str, change: Change) -> str:
        """Make an image with the layers of `parent` and other settings, and return its id."""

    def remove(self, container: str) -> None:
        """Delete a container that `create` made, running or not; absence is no error."""

    def tag(self, image: str, reference: Reference) -> None:
        """Give the image this name and tag; an image that had it before loses it."""
