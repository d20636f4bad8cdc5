"""Where the source of a bind is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.errors import StartError, SyscallError
from lab.oci.runtime_spec import Mount
from lab.runtime import binds

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="copies of mounts need root")


def bind(source: str) -> Mount:
    return Mount("/data", "bind", source, ("rbind",))


@needs_root
@pytest.mark.parametrize("source", ["/home/page", "/link/page", "/up/page", "/../home/page"])
def test_links_stay_below_the_hosts_root(tmp_path: Path, source: str) -> None:
    """Is a source found below the folder that stands for the host's `/`, by whatever links?"""
    root = tmp_path / "host"
    (root / "home").mkdir(parents=True)
    (root / "home" / "page").write_text("the host's")
    (root / "link").symlink_to("/home")
    (root / "up").symlink_to("../../../../../../../../home")
    tree = binds.open_source(bind(source), str(root))
    try:
        with open(f"/proc/self/fd/{tree}") as file:
            assert file.read() == "the host's"
    finally:
        os.close(tree)


def test_what_is_only_outside_is_not_found(tmp_path: Path) -> None:
    """Is a path of this machine no path of the host's?"""
    (tmp_path / "link").symlink_to("/etc/passwd")
    for source in ("/etc/passwd", "/link"):
        with pytest.raises(StartError, match="bind source path does not exist"):
            binds.open_source(bind(source), str(tmp_path))


def test_magic_links() -> None:
    """Are the links of /proc refused?"""
    with pytest.raises(SyscallError, match="openat2"):
        binds.open_source(bind("/proc/self/root/etc"))
