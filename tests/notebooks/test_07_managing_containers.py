"""Lesson 07: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_created_then_running(ran: Ran) -> None:
    """Is a created container listed only with -a, and its port only once it runs?"""
    assert "Created" in ran.output("create")
    assert "0.0.0.0:8080->80/tcp" in ran.output("start")
    assert "80/tcp -> 0.0.0.0:8080" in ran.output("start")


def test_looking(ran: Ran) -> None:
    """Do top, logs, stats and inspect tell what the texts explain?"""
    assert "nginx: master process" in ran.output("top")
    assert re.search(r"^\d{4}-\d\d-\d\dT\S+ .*GET /", ran.output("logs"), re.MULTILINE)
    assert '"GET / HTTP/1.1" 200' in ran.output("logs-follow")
    assert "MEM USAGE / LIMIT" in ran.output("stats")
    assert re.search(r"status running, pid \d+, image nginx", ran.output("inspect"))


def test_exec_and_its_errors(ran: Ran) -> None:
    """Do -e, -w and -u reach the program, and are the two errors Docker's?"""
    assert "hello from www-data in /usr/share/nginx/html" in ran.output("exec")
    assert '"nosuchprogram": executable file not found in $PATH' in ran.output("exec-fails")
    assert "No such container: nobody" in ran.output("exec-fails")


def test_exit_and_detach(ran: Ran) -> None:
    """Does exit end run -it but not exec -it, and does Ctrl-P Ctrl-Q leave the container running?"""
    assert "Up " in ran.output("exec-shell")
    assert "Exited (3)" in ran.output("run-it")
    assert "still me: " in ran.output("detach")
    assert "^P^Q" in ran.output("detach")
    assert re.search(r"Up .*box", ran.output("detach"))


def test_attach_leads_to_the_first_process(ran: Ran) -> None:
    """Is the shell that attach leads to process 1, and left running once more?"""
    assert re.search(r"^I am process 1\s*$", ran.output("attach"), re.MULTILINE)
    assert "^P^Q" in ran.output("attach")


def test_exit_codes_and_output_of_a_job(ran: Ran) -> None:
    """Are the exit code and both outputs there, and does --rm remove?"""
    assert "the colour is blue" in ran.output("once")
    assert "exit code 7" in ran.output("start-a")
    assert ran.output("start-a").count("working") == 3


def test_stop_kill_restart_pause(ran: Ran) -> None:
    """Are the exit codes, ids and states those that the texts tell?"""
    assert "Exited (0)" in ran.output("stop-prefix")
    assert "exit code 137" in ran.output("stubborn")
    assert re.search(r"real\s+0m[23]\.", ran.output("stubborn"))
    first, second = re.findall(r"id (\w+), pid (\d+)", ran.output("restart"))
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert "(Paused)" in ran.output("pause")
    assert "is paused, unpause the container before exec" in ran.output("pause")
    assert "Exited (137)" in ran.output("kill")
    assert "is not running" in ran.output("kill")


def test_history_and_changes(ran: Ran) -> None:
    """Do events tell the whole life in order, and cp and diff the changed page?"""
    assert ran.output("events").split() == "create start kill kill die stop".split()
    assert "<h1>My own shop!</h1>" in ran.output("cp")
    assert "C /usr/share/nginx/html/index.html" in ran.output("cp")


def test_removing(ran: Ran) -> None:
    """Is a running container refused, and does prune take the labelled one only?"""
    assert "container is running" in ran.output("rm-refused")
    assert len(re.findall(r"^[0-9a-f]{64}\s*$", ran.output("prune"), re.MULTILINE)) == 1
    assert ran.output("errors").count("No such container: shop") == 3
