"""Docker's --user text, looked up in an image's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import StartError
from lab.runtime.users import ExecUser, look_up

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/bin/false

www:x:33:33:www:/var/www:/bin/sh
# not an entry
broken:x:notanumber:5::/:
short:x
1234:x:77:78:a name of digits:/digits:/bin/sh
huge:x:4294967296:0::/:
"""
GROUP = """\
root:x:0:
www:x:33:
audio:x:29:www,daemon
video:x:44:www
x:x:999999999999:www2
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    passwd, group = tmp_path / "passwd", tmp_path / "group"
    passwd.write_text(PASSWD)
    group.write_text(GROUP)
    return str(passwd), str(group)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", ExecUser(0, 0, [0], "/root")),
        ("root", ExecUser(0, 0, [0], "/root")),
        ("0", ExecUser(0, 0, [0], "/root")),
        ("www", ExecUser(33, 33, [33, 29, 44], "/var/www")),
        ("33", ExecUser(33, 33, [33, 29, 44], "/var/www")),
        ("033", ExecUser(33, 33, [33, 29, 44], "/var/www")),
        ("daemon", ExecUser(1, 1, [1, 29], "/usr/sbin")),
        # a group of one's own leaves those of the file out
        ("www:video", ExecUser(33, 44, [44], "/var/www")),
        ("www:7", ExecUser(33, 7, [7], "/var/www")),
        ("5000", ExecUser(5000, 0, [0], "/")),
        ("5000:audio", ExecUser(5000, 29, [29], "/")),
        (":44", ExecUser(0, 44, [44], "/root")),
        # a name wins over a number
        ("1234", ExecUser(77, 78, [78], "/digits")),
    ],
)
def test_forms(files: tuple[str, str], text: str, user: ExecUser) -> None:
    """Is each form of --user understood as Docker does?"""
    assert look_up(text, (), *files) == user


def test_additional_groups(files: tuple[str, str]) -> None:
    """Are --group-add's groups added, by name and number, each once?"""
    assert look_up("www", ("video", "77", "33"), *files).groups == [33, 29, 44, 77]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody-here", "unable to find user nobody-here: no matching entries in passwd file"),
        ("www:nogroup", "unable to find group nogroup: no matching entries in group file"),
        ("2147483648", "uids and gids must be in range 0-2147483647"),
        ("1:2147483648", "uids and gids must be in range 0-2147483647"),
        ("huge", "uids and gids must be in range 0-2147483647"),
        ("broken", "unable to find user broken: no matching entries in passwd file"),
        ("short", "unable to find user short: no matching entries in passwd file"),
    ],
)
def test_refusals(files: tuple[str, str], text: str, message: str) -> None:
    """Is what is in no file, or out of range, refused in Docker's words?"""
    with pytest.raises(StartError) as raised:
        look_up(text, (), *files)
    assert raised.value.message == message


def test_an_image_without_files(tmp_path: Path) -> None:
    """Do numbers work where there is no /etc/passwd at all?"""
    absent = str(tmp_path / "absent")
    assert look_up("7:8", (), absent, absent) == ExecUser(7, 8, [8], "/")
    assert look_up("", (), absent, absent) == ExecUser(0, 0, [0], "/")
