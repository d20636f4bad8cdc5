"""Lesson 02: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_server_is_started_looked_at_and_written_to(ran: Ran) -> None:
    """Does nginx run, answer, log, and keep a file in its own layer?"""
    assert re.search(r"^[0-9a-f]{64}\s*$", ran.output("run-nginx"), re.MULTILINE)
    assert "0.0.0.0:8080->80/tcp" in ran.output("ps")
    assert "Welcome to nginx!" in ran.output("read-page")
    assert '"GET / HTTP/1.1" 200' in ran.output("logs")
    assert '"running"' in ran.output("inspect")
    assert ran.output("exec-write").strip() == "hello from a container"
    assert "A /usr/share/nginx/html/hello.html" in ran.output("diff")
    assert "50x.html  hello.html  index.html" in ran.output("exec-shell")


def test_errors_made_on_purpose_appear(ran: Ran) -> None:
    """Do the errors made on purpose, and the states told of, really appear?"""
    assert "port is already allocated" in ran.output("port-taken")
    assert "Created" in ran.output("port-taken")
    assert 'The container name "/web2" is already in use' in ran.output("name-taken")
    assert "404 Not Found" in ran.output("second-has-not")
    assert "Exited (0)" in ran.output("stop")
    assert ran.output("start").split() == ["web", *"hello from a container".split()]
    assert "container is running" in ran.output("rm-refused")
    assert "No such container: web" in ran.output("no-such-container")
    assert "RUN" in ran.output("shared")
