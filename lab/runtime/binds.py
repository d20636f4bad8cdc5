"""Folders of the learner's in a container: opened in the sandbox, attached below the container's root.

All of it happens in the sandbox's user namespace, before the container's own exists.  The kernel
then locks the copies of these mounts together: inside, no privilege takes the cover off the
engine's state, or makes writable what was attached read-only.  Source: mount_namespaces(7).
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Protocol

from lab.errors import StartError, SyscallError
from lab.kernel import channel, syscalls
from lab.kernel.flags import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    MOUNT_ATTR,
    MOVE_MOUNT,
    MS,
    OPEN_TREE,
)
from lab.kernel.fsids import files_made_as
from lab.kernel.openat2 import Resolve, openat2
from lab.oci.runtime_spec import Mount

_WITHIN = "within="
_VEIL = MS.NOSUID | MS.NODEV | MS.NOEXEC
_WHOLE = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | OPEN_TREE.AT_RECURSIVE


def open_source(mount: Mount, root: str = "/") -> int:
    """Return a detached copy of the tree that a bind mount shows.

    Its source is looked for with the folder `root` as "/", out of which no link leads; an option
    `within=FOLDER` names another such folder, a volume.  Magic links of /proc are not followed:
    through them a bind could reach what is hidden.
    """
    for word in mount.options:
        if word.startswith(_WITHIN):
            root = word.removeprefix(_WITHIN)
    fd = _try_open(root, mount.source, os.O_PATH, Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
    if fd is None:
        raise StartError(
            f'invalid mount config for type "bind": bind source path does not exist: {mount.source}'
        )
    try:
        return syscalls.open_tree(fd, "", _WHOLE | OPEN_TREE.AT_EMPTY_PATH)
    finally:
        os.close(fd)


class Origin(Protocol):
    """Where the sources of binds are found, and how they are to be shown.

    `hidden` are folders that nobody may see, the engine's state; `bind_root` is where the host's
    "/" lies; `idmapped` says that `launcher` can show trees with the container's ids.
    """

    @property
    def hidden(self) -> list[str]: ...
    @property
    def bind_root(self) -> str: ...
    @property
    def idmapped(self) -> bool: ...
    @property
    def launcher(self) -> socket.socket: ...


def open_all(mounts: list[Mount], origin: Origin) -> dict[Mount, int]:
    """Return detached copies of the trees that bind mounts show, and hide what is to be hidden.

    Sources with the option `own` lie in the engine's state, and are opened before.
    """
    trees = {mount: open_source(mount) for mount in mounts if "own" in mount.options}
    # from here on nothing of the engine's state can be opened by path
    for path in origin.hidden:
        hide(path)
    for mount in mounts:
        if mount not in trees:
            trees[mount] = open_source(mount, origin.bind_root)
            if origin.idmapped and "idmap" in mount.options:
                map_ids(trees[mount], origin.launcher)
    return trees


def map_ids(tree: int, launcher: socket.socket) -> None:
    """Have the launcher show `tree` with the container's ids, where the file system can do that.

    Only the host's root may; where it cannot, the tree stays as it is (the engine has warned).
    """
    ours, theirs = channel.pair()
    with ours:
        channel.send(launcher, {"op": "idmap"}, [tree, theirs.fileno()])
        theirs.close()
        channel.receive(ours)


def attach(tree: int, mount: Mount, owner: int) -> None:
    """Attach a detached tree at the mount's place below the current folder, the container's root."""
    is_folder = stat.S_ISDIR(os.fstat(tree).st_mode)
    _move(tree, mount, _make_target(mount, is_folder, owner))


def stage(trees: list[tuple[int, Mount]], place: str) -> list[tuple[str, Mount]]:
    """Attach trees for which the container has no place yet, below a new tmpfs on the folder `place`.

    Returns where each is, for `take`.  They must not stay detached until there is a place: only
    what is attached when the container's namespaces are made is locked.
    """
    if not trees:
        return []
    syscalls.mount("staged", place, "tmpfs", _VEIL, "size=64k,mode=700")
    staged = []
    for number, (tree, mount) in enumerate(trees):
        path = f"{place}/{number}"
        if stat.S_ISDIR(os.fstat(tree).st_mode):
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        _move(tree, mount, os.open(path, os.O_PATH | os.O_CLOEXEC))
        staged.append((path, mount))
    return staged


def take(path: str) -> int:
    """Return a detached copy of a staged tree; init's, which may move it but not what is in it."""
    return syscalls.open_tree(AT_FDCWD, path, _WHOLE)


def place(tree: int, mount: Mount) -> None:
    """Attach what `take` returned at the mount's place below the current folder."""
    is_folder = stat.S_ISDIR(os.fstat(tree).st_mode)
    target = _make_target(mount, is_folder, 0)
    try:
        both = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH
        syscalls.move_mount(tree, "", target, "", both)
    finally:
        os.close(target)
        os.close(tree)


def hide(path: str) -> None:
    """Cover a folder with an empty one, for this mount namespace and those copied from it."""
    syscalls.mount("hidden", path, "tmpfs", MS.RDONLY | _VEIL, "size=4k,mode=000")


def _move(tree: int, mount: Mount, target: int) -> None:
    """Attach a detached tree, with the mount's attributes, at the open `target`; both are closed."""
    attributes = MOUNT_ATTR.RDONLY if "ro" in mount.options else MOUNT_ATTR(0)
    try:
        syscalls.mount_setattr(
            tree, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes, propagation=MS.PRIVATE
        )
        both = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH
        syscalls.move_mount(tree, "", target, "", both)
    finally:
        os.close(target)
        os.close(tree)


def _make_target(mount: Mount, is_folder: bool, owner: int) -> int:
    """Open the place of a mount in the container's root, and make it if it is not there.

    Every step is resolved inside the root, so a link in the image cannot lead out of it.
    """
    path = mount.destination.strip("/")
    found = _try_open(".", path or ".", os.O_PATH)
    if found is not None:
        return found
    try:
        # a mount above may show other ids than it stores: root's own mean nothing there
        with files_made_as(owner):
            _make(path, is_folder, owner)
        return _open(".", path, os.O_PATH)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StartError(
            f'error mounting "{mount.source}" to rootfs at "{mount.destination}": {reason}'
        ) from None


def _make(path: str, is_folder: bool, owner: int) -> None:
    parent = _make_folders(os.path.dirname(path), owner)
    try:
        name = os.path.basename(path)
        if is_folder:
            os.mkdir(name, 0o755, dir_fd=parent)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=parent))
        os.chown(name, owner, owner, dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(parent)


def _make_folders(path: str, owner: int) -> int:
    fd = os.open(".", os.O_PATH | os.O_DIRECTORY)
    done = ""
    for part in filter(None, path.split("/")):
        done = f"{done}/{part}" if done else part
        following = _try_open(".", done, os.O_PATH | os.O_DIRECTORY)
        if following is None:
            os.mkdir(part, 0o755, dir_fd=fd)
            os.chown(part, owner, owner, dir_fd=fd, follow_symlinks=False)
            following = _open(".", done, os.O_PATH | os.O_DIRECTORY)
        os.close(fd)
        fd = following
    return fd


def _open(root: str, path: str, flags: int, resolve: Resolve = Resolve.IN_ROOT) -> int:
    """Open `path` with the folder `root` as "/": no link and no `..` leads out of it."""
    dirfd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return openat2(dirfd, os.fsencode(path), flags, 0, resolve)
    finally:
        os.close(dirfd)


def _try_open(root: str, path: str, flags: int, resolve: Resolve = Resolve.IN_ROOT) -> int | None:
    try:
        return _open(root, path, flags, resolve)
    except SyscallError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
