"""What calls of the API and system calls are for, as the glass engine explains them."""

from __future__ import annotations

import pytest

from lab.widgets import glass_calls, glass_syscalls
from lab.widgets.glass_calls import command_of, purpose
from lab.widgets.glass_syscalls import about
from lab.widgets.texts_glass import GLASS
from lab.widgets.texts_syscalls import SYSCALLS

V = "/v1.47"


@pytest.mark.parametrize(
    ("calls", "command"),
    [
        ([("POST", "/containers/create")], "docker create"),
        ([("GET", "/containers/web/json"), ("GET", "/containers/web/logs?x=1")], "docker logs"),
        ([("DELETE", "/containers/web?force=1")], "docker rm -f"),
        ([("DELETE", "/containers/web")], "docker rm"),
        ([("POST", "/images/localhost%3A5000/a/b/push")], "docker push"),
        ([("GET", "/images/a/b/json")], "docker image inspect"),
        ([("POST", "/exec/abc/start"), ("POST", "/containers/web/exec")], "docker exec"),
        ([("POST", "/build?t=x"), ("HEAD", "/_ping")], "docker build"),
        ([("GET", "/nothing")], ""),
        ([], ""),
    ],
)
def test_commands(calls: list[tuple[str, str]], command: str) -> None:
    """Is each command known by the calls that the CLI makes for it?"""
    assert command_of([(method, V + path) for method, path in calls]) == command


def test_unknown_call_has_no_purpose() -> None:
    """Is nothing claimed of a call that the table does not know?"""
    assert purpose("PATCH", "/containers/json").key == ""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_explanation_exists(language: str) -> None:
    """Has each kind of call and of system call a sentence, and each part of the engine its words?"""
    assert {f"api_{key}" for key in glass_calls.KEYS} <= GLASS[language].keys()
    assert {f"sys_{key}" for key in glass_syscalls.KEYS} <= SYSCALLS[language].keys()
    parts = ("client", "registry", "images", "containers", "networks", "kernel")
    assert all({part, f"way_{part}"} <= GLASS[language].keys() for part in parts)


@pytest.mark.parametrize(
    ("name", "arguments", "key"),
    [
        ("unshare", {"flags": "CLONE_NEWNS"}, "unshare"),
        ("write", {"path": "/proc/7/uid_map"}, "write_ids"),
        ("write", {"path": "/sys/fs/cgroup/x/memory.max"}, "write_limit"),
        ("write", {"path": "/sys/fs/cgroup/x/cgroup.procs"}, "write_join"),
        ("write", {"path": "/sys/fs/cgroup/x/cgroup.freeze"}, "write_freeze"),
        ("write", {"path": "/etc/other"}, ""),
        ("mount", {"fstype": "overlay", "target": "/x"}, "mount_overlay"),
        ("mount", {"source": "/dev/null", "target": "/proc/keys"}, "mount_hide"),
        ("mount", {"target": "/"}, "mount"),
        ("prctl", {"option": "PR_SET_SECCOMP"}, "prctl_seccomp"),
        ("prctl", {"option": "PR_OTHER"}, ""),
        ("getpid", {}, ""),
    ],
)
def test_what_a_system_call_is_for(name: str, arguments: dict[str, str], key: str) -> None:
    """Is a call explained by what it does here, and an unknown one not at all?"""
    assert about(name, arguments) == key
