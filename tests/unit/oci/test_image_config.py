"""Configurations of images: chain ids, steps, environment, and what Docker writes."""

from __future__ import annotations

import json

import pytest

from lab.errors import InvalidParameter
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, History, ImageConfig, chain_id

DIGEST = Digest.of(b"x")


def test_chain_ids() -> None:
    """Is a chain id what the specification defines, for one, two and three layers?"""
    one, two, three = (Digest.of(name) for name in (b"1", b"2", b"3"))
    first = Digest.of(f"{one} {two}".encode())
    assert chain_id([one]) == one
    assert chain_id([one, two]) == first
    assert chain_id([one, two, three]) == Digest.of(f"{first} {three}".encode())
    with pytest.raises(InvalidParameter):
        chain_id([])


def test_steps_are_added() -> None:
    """Does a step with a layer, or without, extend history and layers?"""
    config = ImageConfig("amd64", "linux").with_step(History("t1", "RUN x"), DIGEST)
    config = config.with_step(History(created="", created_by="ENV", empty_layer=True))
    assert (config.created, len(config.history), config.diff_ids) == ("t1", 2, (DIGEST,))


def test_the_environment_as_a_map() -> None:
    """Does the later entry of a name win, with `=` in values kept?"""
    config = ContainerConfig(env=("A=1", "B=x=y", "A=2", "C"))
    assert config.environ() == {"A": "2", "B": "x=y", "C": ""}


def test_docker_writes_null_for_what_is_not_set() -> None:
    """Is a real configuration of Docker's read, nulls and unknown members included?"""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Hostname": "",
            "Env": ["PATH=/bin"],
            "Cmd": ["sh"],
            "Entrypoint": None,
            "Volumes": None,
            "ExposedPorts": {"80/tcp": {}},
            "Labels": None,
            "OnBuild": None,
        },
        "container_config": {"Image": ""},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "ADD", "empty_layer": True}],
        "rootfs": {"type": "layers", "diff_ids": [str(DIGEST)]},
    }
    config = ImageConfig.from_bytes(json.dumps(document).encode())
    assert (config.config.cmd, config.config.entrypoint) == (("sh",), None)
    assert (config.config.exposed_ports, config.config.labels) == (("80/tcp",), {})
    assert config.history[0].empty_layer
    document["rootfs"] = {"type": "windows"}
    with pytest.raises(InvalidParameter, match=r"rootfs\.type"):
        ImageConfig.from_bytes(json.dumps(document).encode())
