"""Compiled modules for the guest: Python there runs slowly, and must not compile anything.

The files say that they need no check against their sources, so times do not matter.
Source: PEP 552, importlib's `_bootstrap_external`.
"""

from __future__ import annotations

import marshal
import warnings
from importlib.util import MAGIC_NUMBER

_UNCHECKED_HASH = (1).to_bytes(4, "little") + bytes(8)


def compile_module(source: bytes, path: str) -> bytes | None:
    """Return the content of a .pyc file, for a module whose source is at `path` in the guest.

    None if it does not compile: some files of the standard library's are meant not to.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return MAGIC_NUMBER + _UNCHECKED_HASH + marshal.dumps(code)
