"""Attached clients: who writes, who leaves, who is slow, and who comes at the wrong moment."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable

import aiohttp
import docker
import pytest
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration.raw import (
    answer_of,
    connect,
    daemon_of,
    files_of,
    pipes_of,
    rest_of,
    without_frames,
)

ALL = "stream=1&stdin=1&stdout=1&stderr=1"


def attach(engine: EngineProcess, container: Container, query: str = ALL) -> socket.socket:
    connection = connect(engine, f"POST /v1.47/containers/{container.id}/attach?{query}")
    first = answer_of(connection)
    assert not first or "logs=1" in query
    return connection


def test_one_client_s_end_is_not_the_input_s(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does a container that was not started for one client go on reading when a client has left?"""
    container = client.containers.run("busybox", "cat", detach=True, stdin_open=True)
    for words in (b"first\n", b"second\n"):
        with attach(engine, container) as connection:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            # as with Docker, who has written all leaves
            rest_of(connection)
    until(lambda: container.logs() == b"first\nsecond\n", what="both were read")
    container.reload()
    assert container.status == "running"


def test_the_end_of_the_one_client_s_input(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does the program of `run -i` see the end of its input, and its client all the output?"""
    made = client.api.create_container(
        "busybox", ["sh", "-c", "cat; echo after"], stdin_open=True,
        host_config={"NetworkMode": "none"},
    )  # fmt: skip
    container = client.containers.get(made["Id"])
    with attach(engine, container) as connection:
        container.start()
        connection.sendall(b"before\n")
        connection.shutdown(socket.SHUT_WR)
        assert without_frames(rest_of(connection)) == b"before\nafter\n"


def test_past_and_present_without_a_gap(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does a client that asks for logs and stream get each line once, however fast they come?"""
    script = "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.002; done; sleep 0.3"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    path = f"POST /v1.47/containers/{container.id}/attach?logs=1&stream=1&stdout=1"
    connections = []
    for _ in range(12):
        connections.append(connect(engine, path))
        time.sleep(0.02)
    for connection in connections:
        with connection:
            data = answer_of(connection) + rest_of(connection)
        assert without_frames(data).decode().split() == [str(n) for n in range(200)]


def test_a_client_that_is_killed_amid_output(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does a container go on that wrote to a client which is gone?"""
    script = "i=0; while [ $i -lt 40 ]; do seq 1 2000; i=$((i+1)); done; echo done"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    connection = attach(engine, container, "stream=1&stdout=1")
    connection.recv(10)
    connection.close()
    assert container.wait(timeout=30)["StatusCode"] == 0
    assert container.logs(tail=1) == b"done\n"


def test_a_client_that_never_reads(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does a client that does not read hold its container back, and nobody else?"""
    container = client.containers.create("busybox", ["seq", "1", "400000"])
    slow = attach(engine, container, "stream=1&stdout=1")
    container.start()
    other = client.containers.run("busybox", "echo quick", remove=True)
    assert other == b"quick\n"
    container.reload()
    assert container.status == "running"
    slow.close()
    assert container.wait(timeout=30)["StatusCode"] == 0
    assert container.logs(tail=1) == b"400000\n"


def test_a_slow_client_loses_nothing(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does a client that reads long after the end still get the whole output?"""
    container = client.containers.create("busybox", ["seq", "1", "20000"])
    with attach(engine, container, "stream=1&stdout=1") as slow:
        container.start()
        assert container.wait(timeout=30)["StatusCode"] == 0
        assert without_frames(rest_of(slow)).split()[-1] == b"20000"


def test_the_exit_code_is_known_at_the_end_of_the_stream(client: docker.DockerClient) -> None:
    """Has every exec an exit code when its output has ended?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    codes = [container.exec_run(["sh", "-c", f"echo x; exit {n}"]).exit_code for n in range(30)]
    assert codes == list(range(30))


def test_an_exec_that_leaves_something_behind(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does an exec end although a program that it left behind holds its output?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    before = pipes_of(daemon_of(engine))
    for number in range(2):
        result = container.exec_run(["sh", "-c", f"sleep 1000 & echo {number}; exit 7"])
        assert (result.exit_code, result.output) == (7, b"%d\n" % number)
    # its descriptors' numbers are used again at once
    assert container.exec_run("echo again").output == b"again\n"
    assert client.containers.run("busybox", "echo fresh", remove=True) == b"fresh\n"
    assert pipes_of(daemon_of(engine)) == before


def test_attaching_while_it_ends(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does a client that comes in the very moment of the end hang?"""
    for _ in range(25):
        container = client.containers.run("busybox", "true", detach=True)
        with attach(engine, container, "stream=1&stdout=1") as connection:
            container.wait(timeout=20)
            container.reload()
            if container.status == "exited":
                # attached before the end: told of it; attached after it: waits for the next run
                container.remove()
            rest_of(connection)


def test_execs_while_it_ends(client: docker.DockerClient) -> None:
    """Does an exec in a container that is dying run, or fail in Docker's words, and never hang?"""
    failures = []
    for _ in range(8):
        container = client.containers.run("busybox", "sleep 1000", detach=True)
        killer = threading.Thread(target=container.kill)
        killer.start()
        for _ in range(5):
            try:
                result = container.exec_run("true")
            except docker.errors.APIError as error:
                failures.append(error.explanation)
                break
            if result.exit_code != 0:
                failures.append(result.output.decode())
        killer.join()
        container.remove()
    assert failures
    for text in failures:
        assert "is not running" in text or "stopped container" in text or text == "", text


def test_clients_that_leave_are_forgotten(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does nothing stay of clients that waited for what did not happen?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    daemon = daemon_of(engine)
    before = files_of(daemon)
    requests = [
        "GET /events",
        f"GET /containers/{container.id}/logs?follow=1&stdout=1",
        f"POST /containers/{container.id}/wait",
        f"POST /containers/{container.id}/wait?condition=removed",
        f"POST /containers/{container.id}/attach?{ALL}",
    ]
    connections = [connect(engine, request) for request in requests for _ in range(10)]
    for connection in connections:
        assert connection.recv(15).startswith(b"HTTP/1.1 ")
    assert files_of(daemon) >= before + 50
    for connection in connections:
        connection.close()
    until(lambda: files_of(daemon) <= before + 2, what="their connections and files are closed")


def test_open_streams_do_not_hold_the_end_up(own_engine: Callable[[], EngineProcess]) -> None:
    """Does an engine stop at once, and cleanly, with clients that listen to everything?"""
    engine = own_engine()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    container = client.containers.run("busybox", "sleep 1000", detach=True, stdin_open=True)
    client.close()
    connections = [
        connect(engine, "GET /events"),
        connect(engine, f"GET /containers/{container.id}/logs?follow=1&stdout=1"),
        connect(engine, f"POST /containers/{container.id}/wait"),
        connect(engine, f"POST /containers/{container.id}/attach?{ALL}"),
    ]
    for connection in connections:
        assert connection.recv(15).startswith(b"HTTP/1.1 ")
    started = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - started < 5
    answers = [rest_of(connection) for connection in connections]
    assert b'"die"' in answers[0] and b'"StatusCode":137' in answers[2]
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("body", [{"Detach": False}, {"Detach": True}])
def test_an_exec_runs_once(
    client: docker.DockerClient, engine: EngineProcess, body: dict[str, bool]
) -> None:
    """Is a second start of an exec refused in Docker's words, before anything is taken over?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    made = client.api.exec_create(container.id, "true")["Id"]
    client.api.exec_start(made)
    with connect(engine, f"POST /exec/{made}/start", json.dumps(body).encode()) as connection:
        data = connection.recv(65536)
    assert b" 409 " in data and b"has already run" in data


def test_leaving_by_keys_is_an_event(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Do the keys, sent by a client that leaves them to the engine, end its attachment only?"""
    begin = int(time.time()) - 1
    container = client.containers.run("busybox", "cat", detach=True, stdin_open=True, tty=True)
    with attach(engine, container) as connection:
        connection.sendall(b"\x10\x11")
        assert rest_of(connection) == b""
    container.reload()
    assert container.status == "running"
    filters = {"container": container.id, "event": ["attach", "detach"]}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    assert [event["Action"] for event in found] == ["attach", "detach"]


def test_a_web_socket(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Do input and output travel in messages, and does the end of the program end the connection?"""
    container = client.containers.create(
        "busybox", ["sh", "-c", "read x; echo got $x"], stdin_open=True
    )

    async def talk() -> list[bytes]:
        path = engine.host.removeprefix("unix://")
        connector = aiohttp.UnixConnector(path)
        address = f"http://engine/v1.47/containers/{container.id}/attach/ws?{ALL}"
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect(address) as connection,
        ):
            await asyncio.to_thread(container.start)
            await connection.send_bytes(b"word\n")
            return [message.data async for message in connection]

    assert b"".join(asyncio.run(asyncio.wait_for(talk(), 20))) == b"got word\n"
    assert container.wait(timeout=20)["StatusCode"] == 0


def test_an_exec_whose_program_is_missing(client: docker.DockerClient) -> None:
    """Is it told in the output, and is 126 its exit code, as of engines before version 28?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    code, output = container.exec_run("nosuch")
    assert code == 126
    assert b'exec: "nosuch": executable file not found in $PATH' in output
