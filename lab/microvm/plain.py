"""Decompression of what Debian's kernel packages hold: images and modules."""

from __future__ import annotations

import bz2
import lzma
import shutil
import subprocess
import zlib
from importlib import import_module

from lab.errors import InvalidParameter, Unavailable

_GZIP, _XZ, _BZIP2, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd"
_LZMA = b"\x5d\0\0"


def plain(content: bytes) -> bytes:
    """Return the content, decompressed if its first bytes say that it is compressed.

    What follows the compressed content is ignored.  Raises InvalidParameter if it is damaged,
    Unavailable for zstd where neither Python nor a program of the machine's knows it.
    """
    try:
        if content.startswith(_GZIP):
            return zlib.decompressobj(31).decompress(content)
        if content.startswith((_XZ, _LZMA)):
            return lzma.LZMADecompressor().decompress(content)
        if content.startswith(_BZIP2):
            return bz2.BZ2Decompressor().decompress(content)
        if content.startswith(_ZSTD):
            return _unzstd(content)
    except (zlib.error, lzma.LZMAError, OSError) as error:
        raise InvalidParameter(f"a file of the kernel's package is damaged: {error}") from None
    return content


def _unzstd(content: bytes) -> bytes:
    try:
        # part of Python from 3.14 on
        return bytes(import_module("compression.zstd").ZstdDecompressor().decompress(content))
    except ImportError:
        pass
    program = shutil.which("zstd")
    if program is None:
        raise Unavailable(
            "this release's kernel is compressed with zstd, and there is no program zstd here",
            "install the package zstd, and run the set-up again",
        )
    # other data follows in the file: zstd says so, and has written everything by then
    done = subprocess.run([program, "-dcq"], input=content, capture_output=True, check=False)
    if not done.stdout:
        raise OSError(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout
