"""docs/lab-v1.yaml: every route of the extension is in it, and every answer is as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.models.containers import Container
from jsonschema import Draft202012Validator

from lab.api.accounts import ROUTES as ACCOUNTS
from lab.api.app import EXTENSION
from lab.sandbox.process import EngineProcess
from tests.conftest import ROOT, until
from tests.integration.extension import Extension, collected

DOCUMENT = yaml.safe_load((ROOT / "docs" / "lab-v1.yaml").read_text())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def resolved(node: Any) -> Any:
    """Return what a reference of the document stands for."""
    while isinstance(node, Mapping) and "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def check(operation: str, status: int, value: Any) -> None:
    """Fail unless an answer is one that the document has for this operation and status."""
    responses = OPERATIONS[operation][2]["responses"]
    assert str(status) in responses, (operation, status, value)
    schema = resolved(responses[str(status)])["content"]["application/json"]["schema"]
    whole = {**schema, "components": DOCUMENT["components"]}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
    assert not errors, (operation, errors)


def objects(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all schemas of objects below a node."""
    if isinstance(node, Mapping):
        if node.get("type") == "object":
            yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


def test_every_route_is_documented_and_every_document_a_route() -> None:
    """Are the routes of the two tables and the document's paths the same?"""
    routes = {
        (method.lower(), re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path))
        for method, path, _ in (*EXTENSION, *ACCOUNTS)
    }
    assert routes == {(method, path) for method, path, _ in OPERATIONS.values()}


def test_the_document_is_whole() -> None:
    """Does every reference lead somewhere, and is every object closed, so that nothing hides?"""
    for match in re.findall(r'\$ref: "([^"]*)"', (ROOT / "docs" / "lab-v1.yaml").read_text()):
        resolved({"$ref": match})
    for each in objects(DOCUMENT):
        assert "additionalProperties" in each
        if "properties" in each:
            assert set(each["required"]) == set(each["properties"])
    Draft202012Validator.check_schema({"$defs": DOCUMENT["components"]["schemas"]})
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            named = {resolved(each)["name"] for each in operation.get("parameters", [])}
            assert set(re.findall(r"\{(\w+)\}", path)) <= named


@pytest.fixture
def extension(client: docker.DockerClient) -> Extension:
    return Extension(client)


@pytest.fixture
def busy(client: docker.DockerClient) -> Container:
    """A container that runs, has written, and has a limit."""
    container = client.containers.run("debian", ["sleep", "1000"], detach=True, mem_limit="64m")
    container.exec_run(["sh", "-c", "echo one > /one; rm /etc/issue; ln -s /nowhere /link"])
    return container


def asked(extension: Extension, container: Container) -> dict[str, list[str]]:
    """Return requests for each operation without an end, good ones and bad ones."""
    chain = extension.get("images/nginx/layers")["Layers"][0]["ChainId"]
    one, none = f"containers/{container.id}", "containers/nobody"
    layer, lost = f"layers/{chain}", f"layers/sha256:{'0' * 64}"
    builds = extension.get("builds")["Builds"]
    return {
        "version": ["version"],
        "imageLayers": ["images/nginx/layers", "images/busybox/layers", "images/lost/layers"],
        "layerFiles": [f"{layer}/files", f"{layer}/files?limit=-1", f"{lost}/files"],
        "layerContent": [
            f"{layer}/content?path=/etc/passwd",
            f"{layer}/content?path=x",
            f"{lost}/content?path=/x",
        ],
        "containerChanges": [f"{one}/changes", f"{none}/changes"],
        "containerContent": [
            f"{one}/content?path=/one",
            f"{one}/content?path=/link",
            f"{one}/content?path=/etc/issue",
            f"{one}/content",
            f"{none}/content?path=/x",
        ],
        "namespaces": ["namespaces"],
        "containerNamespaces": [f"{one}/namespaces", f"{none}/namespaces"],
        "containerProcesses": [f"{one}/processes", f"{none}/processes"],
        "containerCgroup": [f"{one}/cgroup", f"{none}/cgroup"],
        "followChanges": [f"{none}/changes/stream"],
        "followCgroup": [f"{none}/cgroup/stream", f"{one}/cgroup/stream?interval=x"],
        "builds": ["builds", "builds?limit=0"],
        "repositories": ["repositories", "repositories?limit=1", "repositories?limit=0"],
        "build": [*(f"builds/{each['Number']}" for each in builds), "builds/0"],
    }


def test_answers_are_as_documented(extension: Extension, busy: Container) -> None:
    """Is each answer, also a refusal, as the document has it?"""
    table = asked(extension, busy)
    for operation, paths in table.items():
        for path in paths:
            answer = extension.ask(path)
            check(operation, answer.status_code, answer.json())
    streams = {"followBuilds", "trace", "makeAccount"}
    assert set(table) | streams == set(OPERATIONS)


def test_accounts_are_as_documented(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Are a new account, the same again, another password and a wrong name answered as documented?"""
    address = f"{client.api.base_url}/lab/v1/accounts"
    body = OPERATIONS["makeAccount"][2]["requestBody"]["content"]["application/json"]["schema"]
    for name, password, status in (
        ("yaml", "s3cret-one", 201),
        ("yaml", "s3cret-one", 200),
        ("yaml", "s3cret-two", 409),
        ("", "s3cret-one", 400),
    ):
        members = {"name": name, "password": password}
        assert set(body["properties"]) == set(members)
        answer = client.api.post(address, json=members, timeout=20)
        assert answer.status_code == status
        check("makeAccount", answer.status_code, answer.json())


def test_streams_are_as_documented(
    engine: EngineProcess,
    client: docker.DockerClient,
    busy: Container,
    build: Callable[[], None],
) -> None:
    """Is each line of a stream as the document has it?"""
    with (
        collected(engine, "trace") as trace,
        collected(engine, "builds/stream") as steps,
        collected(engine, f"containers/{busy.id}/changes/stream") as states,
        collected(engine, f"containers/{busy.id}/cgroup/stream?interval=0.1") as samples,
    ):
        until(lambda: states, what="the first state")
        busy.exec_run(["sh", "-c", "echo two > /one"])
        build()
        until(lambda: len(states) > 1 and steps and len(samples) > 2, what="lines of all streams")
        until(lambda: any(each["Kind"] == "call" for each in trace), what="system calls")
    for operation, lines in (
        ("trace", trace),
        ("followBuilds", steps),
        ("followChanges", states),
        ("followCgroup", samples),
    ):
        for line in lines:
            check(operation, 200, line)
    assert {each["Kind"] for each in trace} == {"request", "response", "call"}


@pytest.fixture
def build(client: docker.DockerClient, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Builds a small image, which is removed afterwards."""

    def run() -> None:
        (tmp_path / "Dockerfile").write_text("FROM busybox\nLABEL of=yaml\n")
        client.images.build(path=str(tmp_path), tag="of-yaml", rm=True)

    yield run
    client.images.remove("of-yaml", force=True)


def test_a_wrong_answer_is_seen() -> None:
    """Does the check fail for a member that is missing, and for one too many?"""
    for value in ({"Extension": "1"}, {"Extension": "1", "Version": "1", "More": 1}):
        with pytest.raises(AssertionError):
            check("version", 200, value)
    assert json.dumps(DOCUMENT["info"]["version"]) == '"1"'
