"""docker logs: everything, the end of it, since when, and as it comes."""

from __future__ import annotations

import threading
import time

import docker

from tests.conftest import until


def test_both_streams_in_order(client: docker.DockerClient) -> None:
    """Are standard output and error kept, and told apart?"""
    script = "echo one; echo two >&2; echo three"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    container.wait()
    assert set(container.logs().splitlines()) == {b"one", b"two", b"three"}
    assert container.logs(stdout=False) == b"two\n"
    assert container.logs(stderr=False) == b"one\nthree\n"


def test_tail_and_timestamps(client: docker.DockerClient) -> None:
    """Do --tail and -t give the last lines, and when they were written?"""
    container = client.containers.run("busybox", ["seq", "1", "20"], detach=True)
    container.wait()
    assert container.logs(tail=2) == b"19\n20\n"
    assert container.logs(tail=0) == b""
    stamp, text = container.logs(tail=1, timestamps=True).split()
    assert text == b"20" and stamp.startswith(b"20") and stamp.endswith(b"Z")


def test_since(client: docker.DockerClient) -> None:
    """Does --since leave out what is older?"""
    container = client.containers.run(
        "busybox", ["sh", "-c", "echo old; sleep 1.2; echo new"], detach=True
    )
    container.wait()
    finished = time.time()
    assert container.logs(since=finished - 0.9) == b"new\n"
    assert container.logs(until=finished - 0.9) == b"old\n"


def test_follow_ends_with_the_container(client: docker.DockerClient) -> None:
    """Does `logs -f` show lines as they come, and end when the container does?"""
    script = "for i in 1 2 3; do echo line $i; sleep 0.2; done"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"line 1\nline 2\nline 3\n"


def test_follow_of_a_quiet_container_can_be_left(client: docker.DockerClient) -> None:
    """Can somebody who follows go away, and the container be removed afterwards?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    stream = container.logs(stream=True, follow=True)
    done = threading.Event()

    def read() -> None:
        for _ in stream:
            pass
        done.set()

    threading.Thread(target=read, daemon=True).start()
    container.remove(force=True)
    until(done.is_set, what="the stream ends")


def test_unfinished_line_is_kept(client: docker.DockerClient) -> None:
    """Is a last line without a newline in the log?"""
    container = client.containers.run("busybox", ["printf", "no newline"], detach=True)
    container.wait()
    assert container.logs() == b"no newline"


def test_logs_survive_a_restart_of_the_container(client: docker.DockerClient) -> None:
    """Does the log go on where it ended when a container is started again?"""
    container = client.containers.run("busybox", ["echo", "again"], detach=True)
    container.wait()
    container.start()
    container.wait()
    until(lambda: container.logs() == b"again\nagain\n", what="both runs are logged")


def test_a_log_of_limited_size(client: docker.DockerClient) -> None:
    """Does a container with max-size keep its last output only, and can it be followed?"""
    config = docker.types.LogConfig(type="json-file", config={"max-size": "10k", "max-file": "2"})
    script = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done"
    container = client.containers.create("busybox", ["sh", "-c", script], log_config=config)
    container.start()
    followed = [int(line) for line in b"".join(container.logs(stream=True)).split()]
    assert followed[-1] == 1999
    kept = [int(line) for line in container.logs().split()]
    assert kept == list(range(kept[0], 2000))
    assert 80 < len(kept) < 500
    other = client.containers.run(
        "busybox", "echo text", log_config=docker.types.LogConfig(type="local"), detach=True
    )
    other.wait()
    assert other.logs() == b"text\n"


def test_first_words_right_after_the_start(client: docker.DockerClient) -> None:
    """Does a client that looks at once see what a short program says, as with Docker?"""
    for _ in range(5):
        made = client.containers.run("busybox", ["echo", "first"], detach=True)
        assert made.logs() == b"first\n"


def test_a_container_that_never_ran_has_said_nothing(client: docker.DockerClient) -> None:
    """Is its log empty, rather than an error?"""
    assert client.containers.create("busybox", ["echo", "hello"]).logs() == b""


def test_an_end_of_a_log_that_grows(client: docker.DockerClient) -> None:
    """Is one line of a container that never stops writing one line, and do all of them end?"""
    container = client.containers.run(
        "busybox", ["sh", "-c", "while :; do echo word; done"], detach=True
    )
    until(lambda: len(container.logs(tail=500)) >= 2500)
    for _ in range(5):
        assert container.logs(tail=1) == b"word\n"
