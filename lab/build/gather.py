"""What a COPY or an ADD copies: from the context, a stage, an image, an address, the Dockerfile.

What has to be opened or fetched for that lives in an ExitStack, until the step is done.
Source: Dockerfile reference, COPY and ADD; errors are those of Docker's classic builder.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.build.backend import Backend, Cancelled
from lab.build.context import Context, Entry, Kind
from lab.build.files import Files
from lab.build.heredoc import Document
from lab.build.image_tree import ImageTree
from lab.build.rootfs import RootFs
from lab.build.selection import Source, select
from lab.build.state import CopyFiles
from lab.build.stream import Progress
from lab.build.unpack import unpack
from lab.errors import BuildError, InvalidParameter
from lab.image.streams import decompress
from lab.image.tar_reader import TarReader
from lab.kernel.idmap import IdMap

UNNAMED = "__unnamed__"
"""What a download is called that has no name; Docker's word."""

FindImage = Callable[[str], str]
"""Returns the id of the image that `--from` names."""

_URLS = ("http://", "https://")
_DOCUMENT_MODE = 0o644
_DOWNLOAD_MODE = 0o600


class Gatherer:
    """Finds the sources of one build's steps."""

    def __init__(
        self,
        context: Context,
        backend: Backend,
        progress: Progress,
        ids: IdMap,
        cancelled: Cancelled,
    ) -> None:
        self._context = context
        self._backend = backend
        self._progress = progress
        self._ids = ids
        self._cancelled = cancelled
        self._numbers = itertools.count(1)

    def gather(self, action: CopyFiles, image_of: FindImage, opened: ExitStack) -> list[Source]:
        """Return what is to be copied, in order.

        Raises BuildError: `COPY failed: ...` if something is not there.
        """
        files: Files = self._context
        if action.from_:
            files = opened.enter_context(self._image(image_of(action.from_)))
        try:
            found = self._documents(action.documents) if action.documents else []
            for source in action.sources:
                found += self._of(source, action, files)
            if not found:
                raise BuildError("no source files were specified")
        except BuildError as error:
            raise BuildError(f"{action.verb} failed: {error.message}") from None
        return found

    def archive(self, source: Source) -> Context | None:
        """Return the content of a file that is a tar archive, compressed or not; None if not."""
        entry = source.files.get(source.path)
        if entry is None or entry.kind is not Kind.FILE:
            return None
        with source.files.open(entry) as file:
            try:
                if next(iter(TarReader(decompress(file, ""))), None) is None:
                    return None
            except InvalidParameter:
                return None
            file.seek(0)
            return unpack(file, self._folder())

    def _of(self, source: str, action: CopyFiles, files: Files) -> list[Source]:
        if not source.startswith(_URLS):
            return select(files, [source], is_context=not action.from_)
        if action.verb == "COPY":
            raise BuildError("source can't be a URL for COPY")
        return [self._fetched(source, action.destination)]

    @contextmanager
    def _image(self, image: str) -> Iterator[ImageTree]:
        with self._backend.view(image) as path, RootFs(path, self._ids) as root:
            yield ImageTree(root)

    def _fetched(self, url: str, destination: str) -> Source:
        folder = self._new_context()
        target = folder.scratch / "0"
        got = self._backend.download(url, target, self._progress.emit, self._cancelled)
        self._progress.say("\n")
        if not got.name and destination.endswith("/"):
            raise BuildError(f"cannot determine filename for source {url}")
        name = got.name or UNNAMED
        with target.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        entry = Entry(Kind.FILE, _DOWNLOAD_MODE, got.mtime_ns, checksum, content=0)
        folder.put(name, entry)
        return Source(folder, name, name, False, checksum, extracts=False)

    def _documents(self, documents: tuple[Document, ...]) -> list[Source]:
        folder = self._new_context()
        found = []
        for number, document in enumerate(documents):
            content = document.text.encode("utf-8", "surrogateescape")
            (folder.scratch / str(number)).write_bytes(content)
            checksum = hashlib.sha256(content).hexdigest()
            name = posixpath.basename(document.name)
            folder.put(
                f"{number}/{name}",
                Entry(Kind.FILE, _DOCUMENT_MODE, time.time_ns(), checksum, content=number),
            )
            source = Source(folder, f"{number}/{name}", name, False, f"file:{checksum}", False)
            found.append(source)
        return found

    def _new_context(self) -> Context:
        folder = self._folder()
        folder.mkdir(mode=0o700)
        return Context(folder)

    def _folder(self) -> Path:
        return self._context.scratch / f"more-{next(self._numbers)}"
