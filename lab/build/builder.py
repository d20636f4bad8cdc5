"""The whole of one build: an uploaded context and options in, a tagged image out.

    unpack or fetch the context -> read and parse the Dockerfile -> plan -> execute -> tag

Nothing is said before the plan stands: what is wrong with the request, the context or the text
of the Dockerfile can still become an HTTP status.  Source: Docker Engine API, ImageBuild.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lab.build import remote
from lab.build.context import Context, Kind
from lab.build.dockerignore import IgnoreRules
from lab.build.executor import Executor
from lab.build.golang import scalar
from lab.build.parser import ParsedFile, parse
from lab.build.plan import BuildOptions, make_plan
from lab.build.stage import World
from lab.build.stream import Emit, Progress, Withheld
from lab.build.unpack import MAX_BYTES, unpack
from lab.errors import BuildError, InvalidParameter, LabError
from lab.ids import short_id
from lab.oci.digest import Digest
from lab.oci.reference import Reference

DEFAULT_NAME = "Dockerfile"
MAX_DOCKERFILE = 1 << 20
"""Bytes of a Dockerfile, or of a `.dockerignore`, that are read."""

_IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True, slots=True)
class Built:
    """What was built: ids of the image and of its base ("": scratch), the Dockerfile's digest."""

    image: str
    base: str
    dockerfile: Digest
    tags: tuple[str, ...]


def build(
    stream: BinaryIO,
    scratch: Path,
    options: BuildOptions,
    world: World,
    limit: int = MAX_BYTES,
) -> Built:
    """Build an image from the context in `stream`, a tar archive, plain or compressed.

    `scratch` is a folder that does not exist yet; it is gone when this returns.  Messages go to
    `world.progress`.  Errors are raised; if something was said before, the caller ends the
    response with `stream.error_message`.
    """
    references = _references(options.tags)
    options = _readable(options)
    name = options.dockerfile or DEFAULT_NAME
    if options.remote:
        remote.check(options.remote)
        context, name = remote.fetch(options.remote, name, scratch, world, limit)
    else:
        context = unpack(stream, scratch, limit)
    try:
        content, name = _dockerfile(context, name)
        parsed = parse(content, name)
        _drop_ignored(context, name)
        image, base = _execute(parsed, context, options, world, references)
    finally:
        context.close()
    return Built(image, base, Digest.of(content), tuple(map(str, references)))


def _execute(
    parsed: ParsedFile,
    context: Context,
    options: BuildOptions,
    world: World,
    references: list[Reference],
) -> tuple[str, str]:
    """Plan, execute, tag; return the ids of the image and its base."""
    plan = make_plan(parsed, options)
    emit: Emit = world.progress.emit
    withheld = Withheld()
    if options.quiet:
        world = replace(world, progress=Progress(withheld))
    try:
        result = Executor(plan, context, options, world).run()
        world.progress.say(f"Successfully built {short_id(result.image)}\n")
        for reference in references:
            world.backend.tag(result.image, reference)
            world.progress.say(f"Successfully tagged {reference.familiar()}\n")
    except LabError:
        withheld.release(emit)
        raise
    if options.quiet:
        Progress(emit).say(f"{result.image}\n")
    return result.image, result.base


def _references(names: tuple[str, ...]) -> list[Reference]:
    """Return the names to give, each once.  Raises InvalidParameter."""
    found: dict[str, Reference] = {}
    for name in filter(None, names):
        reference = Reference.parse(name)
        if reference.digest is not None:
            raise InvalidParameter("build tag cannot contain a digest")
        reference = reference.tagged()
        found.setdefault(str(reference), reference)
    return list(found.values())


def _readable(options: BuildOptions) -> BuildOptions:
    """Return the options with text that can be stored, whatever their JSON held."""
    return replace(
        options,
        labels={scalar(name): scalar(value) for name, value in options.labels.items()},
        build_args={
            scalar(name): None if value is None else scalar(value)
            for name, value in options.build_args.items()
        },
    )


def _dockerfile(context: Context, name: str) -> tuple[bytes, str]:
    """Return the Dockerfile's content and the name that it has in the context."""
    names = [name, name.lower()] if name == DEFAULT_NAME else [name]
    for each in names:
        content = _read(context, each)
        if content is not None:
            return content, each
    raise BuildError(f"Cannot locate specified Dockerfile: {name}")


def _read(context: Context, name: str) -> bytes | None:
    entry = context.get(context.resolve(name))
    if entry is None:
        return None
    if entry.kind is not Kind.FILE:
        raise BuildError(f"read {name}: is not a file")
    with context.open(entry) as file:
        content = file.read(MAX_DOCKERFILE + 1)
    if len(content) > MAX_DOCKERFILE:
        raise BuildError(f"{name} is larger than {MAX_DOCKERFILE} bytes")
    return content


def _drop_ignored(context: Context, dockerfile: str) -> None:
    """Take out the two files that the client sends even where `.dockerignore` names them."""
    content = _read(context, _IGNORE_FILE)
    if content is None:
        return
    try:
        rules = IgnoreRules.parse(content)
    except InvalidParameter:
        return  # Docker, too, leaves the complaint to the client
    for name in (_IGNORE_FILE, dockerfile):
        if rules.ignores(name):
            context.remove(context.resolve(name))
