"""Lesson 06: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran

ENGINES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def value(ran: Ran, cell: str) -> str:
    """Return the value of a cell's last line."""
    return str(ran.cell(cell).outputs[-1].data["text/plain"])


def test_each_container_sees_its_own(ran: Ran) -> None:
    """Are processes, host names, addresses and namespaces of both containers apart?"""
    inside, outside = ran.output("processes").split("UID", 1)
    assert re.search(r"^ +1 root +sleep 1000", inside, re.MULTILINE)
    assert inside.count("sleep 1000") == 1
    assert re.search(r"root +(\d+)", outside)
    words = ran.output("names-and-addresses").split()
    assert {"one", "two"} <= set(words)
    addresses = re.findall(r"inet (\S+)", ran.output("names-and-addresses"))
    assert len(set(addresses)) == 2
    numbers = re.findall(r"(\w+) -> \1:\[(\d+)\]", ran.output("inodes"))
    for name in ENGINES:
        assert len({number for kind, number in numbers if kind == name}) == 2
    assert len({number for kind, number in numbers if kind == "time"}) == 1


def test_killing_all_stays_inside(ran: Ran) -> None:
    """Are the first process of the container, and all of the other one, still there?"""
    before, after = ran.output("kill-all").split("sleep 500", 1)
    assert "sleep 1000" in before
    assert "sleep 500" not in after and after.count("sleep 1000") == 2


def test_namespaces_shared_on_purpose(ran: Ran) -> None:
    """Has the third container the address and the processes of the first?"""
    address = re.findall(r"inet (\S+)", ran.output("names-and-addresses"))[0]
    assert address in ran.output("share") and "sleep 1000" in ran.output("share")


def test_a_container_by_hand(ran: Ran) -> None:
    """Does each step show what its text says, and the program what the engine's container shows?"""
    assert value(ran, "bench") in ("'namespaces'", "'vm'")
    assert "'bin'" in ran.output("unpack")
    assert ran.output("overlay").strip().endswith(", [])")
    assert ran.output("clone") == "process 1 user 65534\n"
    mapped = ran.output("user-map")
    assert mapped.startswith("user 0\n")
    for old, new in re.findall(r"\[(\d+)\] -> \w+:\[(\d+)\]", mapped):
        assert old != new
    assert ran.output("hostname") == "'by-hand'\n"
    assert ran.output("inside") == "processes: ['1']\nfolders of the host: False\n"
    by_hand, engines = ran.output("program"), ran.output("engines-own")
    for text in (by_hand, engines):
        assert text.startswith("by-hand") and "uid=0(root)" in text
        assert re.search(r"^ +1 root", text, re.MULTILINE) and ": lo:" in text
    checksums = re.findall(r"([0-9a-f]{64})  /bin/busybox", by_hand + engines)
    assert len(checksums) == 2 and len(set(checksums)) == 1
    assert "from a container made by hand" in by_hand and "exit code 0; back in process" in by_hand
    assert "eth0" in engines and "eth0" not in by_hand
    assert ran.output("written").split() == ["1", "False", "['hello']", "False"]


def test_limits_hold(ran: Ran) -> None:
    """Where there are control groups: killed for memory, throttled, refused a process?"""
    if "WARNING: No memory limit" in ran.output("cgroup-version"):
        assert '"OOMKilled": false' in ran.output("hungry")
        return
    assert "Exited (137)" in ran.output("hungry") and '"OOMKilled": true' in ran.output("hungry")
    assert "container oom" in ran.output("oom-event")
    assert "exitCode=137" in ran.output("oom-event")
    assert "by-hand" in ran.output("group-by-hand")
    assert "signal SIGKILL" in ran.output("hungry-by-hand")
    assert ran.output("kills-by-hand") == "1\n"
    throttled = re.search(r"nr_throttled (\d+)", ran.output("busy"))
    assert throttled and int(throttled[1]) > 0
    assert "can't fork: Resource temporarily unavailable" in ran.output("pids")
    assert "done" not in ran.output("pids")
