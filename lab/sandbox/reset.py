"""Deleting an engine's state, whose files belong to ids that only its user namespace reaches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.errors import LabError
from lab.kernel import syscalls
from lab.kernel.flags import CLONE
from lab.sandbox.foreground import lock_root
from lab.sandbox.ids import plan_ids


def reset(root: Path) -> None:
    """Empty an engine's folder.  Raises Conflict while an engine runs on it.

    Only single-threaded processes may call this.
    """
    if not root.exists():
        return
    lock = lock_root(root)
    try:
        _delete_content(root, ignore_errors=True)
        if any(path.name != "lock" for path in root.iterdir()):
            # what is left belongs to ids that are not ours
            _in_namespace(root)
    finally:
        os.close(lock)
    (root / "lock").unlink(missing_ok=True)


def remove(root: Path) -> None:
    """Delete an engine's folder altogether."""
    reset(root)
    shutil.rmtree(root, ignore_errors=True)


def _delete_content(root: Path, ignore_errors: bool = False) -> None:
    for path in root.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors)
        else:
            path.unlink()


def _in_namespace(root: Path) -> None:
    ids = plan_ids()
    gate, go = os.pipe()
    pid = syscalls.clone(CLONE.NEWUSER)
    if pid == 0:
        code = 1
        try:
            os.close(go)
            os.read(gate, 1)
            _delete_content(root)
            code = 0
        finally:
            os._exit(code)
    os.close(gate)
    try:
        ids.write(pid)
    finally:
        os.close(go)
        _, status = os.waitpid(pid, 0)
    if status != 0:
        raise LabError(f"some of {root} could not be deleted; nothing uses it any more")
