"""Lesson 12: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_gone_at_once(ran: Ran) -> None:
    """Is the shell without a keyboard done with code 0, and up with a terminal?"""
    assert "exit code 0, command [bash]" in ran.output("gone-ask")
    assert "Up " in ran.output("gone-mend")


def test_wrong_port(ran: Ran) -> None:
    """Does nobody answer outside, somebody on port 80 inside, and all once it is mended?"""
    assert "curl: (" in ran.output("port")
    assert "<title>Welcome to nginx!</title>" in ran.output("port-ask")
    assert "the image says: 80/tcp" in ran.output("port-ask").replace("\n", "")
    assert "True" in ran.output("port-mend")


def test_taken(ran: Ran) -> None:
    """Are both messages Docker's, and does the filter say who has the port?"""
    assert "port is already allocated" in ran.output("taken")
    assert 'The container name "/shop" is already in use' in ran.output("taken")
    assert re.search(r"^web\s+0\.0\.0\.0:8080->80/tcp", ran.output("taken-mend"), re.MULTILINE)
    assert "True" in ran.output("taken-mend")


def test_no_name(ran: Ran) -> None:
    """Is the name unknown on the default network, and known in one's own?"""
    assert "Could not connect to Redis at db:6379" in ran.output("name")
    assert "db is in bridge" in ran.output("name-ask")
    assert "PONG" in ran.output("name-ask")


def test_killed_for_its_memory(ran: Ran) -> None:
    """Is it killed with 137 where limits hold, and fed where the engine says that they do not?"""
    told = ran.output("killed")
    if "limitation discarded" in told or "limit capabilities" in told:
        assert "I have eaten 100000000 bytes" in told
    else:
        assert "exit code 137, killed for its memory: true" in told.replace("\n", "")


def test_missing_command(ran: Ran) -> None:
    """Is the code 127, and the container left behind as created?"""
    assert '"pyhton3": executable file not found in $PATH' in ran.output("command")
    assert "exit code 127" in ran.output("command")
    assert "Created" in ran.output("command")


def test_server_is_mended(ran: Ran) -> None:
    """Does the log name file and line, exec refuse, and the mended server answer?"""
    assert "Exited (1)" in ran.output("server-ask")
    assert "/etc/nginx/conf.d/default.conf:4" in ran.output("server-ask")
    assert "is not running" in ran.output("server-mend")
    assert "True" in ran.output("server-mend")


def test_system_prune_takes_the_labelled_one_only(ran: Ran) -> None:
    """Is just one container removed, and none with that label left?"""
    told = ran.output("system-prune")
    assert len(re.findall(r"^[0-9a-f]{64}\s*$", told, re.MULTILINE)) == 1
    assert "Total reclaimed space" in told
    assert "debian" not in told.rsplit("CONTAINER ID", 1)[1]
