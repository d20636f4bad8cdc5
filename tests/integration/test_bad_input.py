"""Malformed requests over the socket: Docker's status and wording, and the engine goes on."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from lab.sandbox.process import EngineProcess

JSON = {"Content-Type": "application/json"}


class Connection(http.client.HTTPConnection):
    """HTTP over the engine's unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self._path)


def ask(
    engine: EngineProcess, method: str, path: str, body: object = None, headers: Any = None
) -> tuple[int, str]:
    connection = Connection(str(engine.socket))
    try:
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, data, headers or {})  # type: ignore[arg-type]
        answer = connection.getresponse()
        text = answer.read().decode()
        message = json.loads(text).get("message", text) if text.startswith("{") else text
        return answer.status, message
    finally:
        connection.close()


CREATE = "/v1.47/containers/create"
OK = {"Image": "busybox", "Cmd": ["true"]}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "not a JSON object"),
        (b"", 400, "EOF"),
        ({"Cmd": ["true"]}, 400, "config.Image cannot be empty"),
        ({**OK, "Cmd": 5}, 400, "Cmd must be"),
        ({**OK, "Cmd": [1, 2]}, 400, "Cmd must be a list of strings"),
        ({**OK, "Env": "A=b=c", "Tty": "yes"}, 400, "Tty must be a boolean"),
        ({**OK, "Env": ["=x"]}, 400, "invalid environment variable"),
        ({**OK, "HostConfig": {"Memory": "1g"}}, 400, "Memory must be an integer"),
        ({**OK, "HostConfig": {"Memory": 1000}}, 400, "Minimum memory limit allowed is 6MB"),
        ({**OK, "HostConfig": {"LogConfig": {"Config": {"x": "1"}}}}, 400, "unknown log opt 'x'"),
        ({**OK, "HostConfig": {"Ulimits": [{"Name": "x"}]}}, 400, "invalid ulimit type: x"),
        ({**OK, "HostConfig": {"NanoCpus": 10**15}}, 400, "range of CPUs is from 0.01 to"),
        ({**OK, "HostConfig": {"Runtime": "runc"}}, 400, "unknown or invalid runtime name: runc"),
        ({**OK, "HostConfig": {"UsernsMode": "host"}}, 501, "--userns host"),
        ({**OK, "WorkingDir": "rel"}, 400, "the working directory 'rel' is invalid"),
        ({**OK, "StopSignal": "BOGUS"}, 400, "invalid signal: BOGUS"),
        ({**OK, "MacAddress": "02:42"}, 400, "invalid MAC address"),
        (
            {**OK, "NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": ["a"]}}}},
            400,
            "network-scoped alias is supported only for containers in user defined networks",
        ),
        ({**OK, "HostConfig": {"PortBindings": {"x": []}}}, 400, "invalid"),
        ({**OK, "HostConfig": {"CapAdd": ["FLY"]}}, 400, "unknown capability"),
        ({**OK, "HostConfig": {"LogConfig": {"Type": "no"}}}, 400, "no log driver named 'no'"),
        ({"Image": "nosuch:1", "Cmd": ["x"]}, 404, "No such image: nosuch:1"),
        ({"Image": "UPPER", "Cmd": ["x"]}, 400, "must be lowercase"),
    ],
)
def test_create(engine: EngineProcess, body: object, status: int, message: str) -> None:
    """Is a wrong request refused with the right status, and nothing created?"""
    got, text = ask(engine, "POST", CREATE, body, JSON)
    assert (got, message in text) == (status, True), text
    assert ask(engine, "GET", "/containers/json?all=1") == (200, "[]\n")


def test_unknown_members_are_passed_over(engine: EngineProcess) -> None:
    """Does a member that nobody knows do no harm, as with Docker?"""
    status, _ = ask(engine, "POST", CREATE + "?name=extra", {**OK, "Nonsense": {"a": 1}}, JSON)
    assert status == 201
    assert ask(engine, "DELETE", "/containers/extra")[0] == 204


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/containers/nosuch/json", 404, "No such container: nosuch"),
        ("POST", "/containers/nosuch/start", 404, "No such container: nosuch"),
        ("DELETE", "/containers/nosuch", 404, "No such container: nosuch"),
        ("GET", "/images/nosuch/json", 404, "No such image: nosuch:latest"),
        ("GET", "/exec/nosuch/json", 404, "No such exec instance: nosuch"),
        ("GET", "/networks/nosuch", 404, "network nosuch not found"),
        ("GET", "/volumes/nosuch", 404, "no such volume"),
        ("GET", "/nothing/here", 404, "page not found"),
        ("GET", "/v1.20/info", 400, "is too old"),
        ("GET", "/v1.99/info", 400, "is too new"),
        ("GET", "/containers/json?filters=nonsense", 400, "invalid filter"),
        (
            "GET",
            "/containers/json?filters={%22nosuch%22:[%22a%22]}",
            400,
            "invalid filter 'nosuch'",
        ),
        ("GET", "/containers/json?limit=many", 400, "invalid syntax"),
        ("GET", "/events?since=yesterday", 400, "invalid value"),
        ("POST", "/containers/create?name=a/b", 400, ""),
    ],
)
def test_paths(engine: EngineProcess, method: str, path: str, status: int, message: str) -> None:
    """Are absent objects and wrong parameters answered with Docker's status and words?"""
    got, text = ask(engine, method, path)
    assert (got, message in text) == (status, True), text


def test_a_broken_request_harms_nobody(engine: EngineProcess) -> None:
    """Does the engine go on after bytes that are not HTTP at all?"""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(engine.socket))
        raw.sendall(b"\x00\xff" * 5000 + b"\r\n\r\n")
        raw.settimeout(5)
        raw.recv(1000)
    assert ask(engine, "GET", "/_ping") == (200, "OK")


def test_a_body_that_never_ends_can_be_left(engine: EngineProcess) -> None:
    """Does a client that goes away in the middle of its request leave nothing behind?"""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(engine.socket))
        head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        raw.sendall(head.encode() + b'Content-Length: 1000\r\n\r\n{"Image":')
    assert ask(engine, "GET", "/containers/json?all=1") == (200, "[]\n")
