"""What runs: the client's wishes upon the image's settings."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine import commands
from lab.engine.settings import CONFIG_DEFAULTS
from lab.errors import InvalidParameter
from lab.oci.image_config import ContainerConfig

IMAGE = ContainerConfig(
    user="www",
    working_dir="/srv",
    env=("PATH=/bin", "A=image"),
    cmd=("serve",),
    entrypoint=("/entry",),
    labels={"a": "image", "b": "image"},
    exposed_ports=("80/tcp",),
    stop_signal="SIGQUIT",
)


def completed(**wishes: Any) -> dict[str, Any]:
    return commands.complete({**CONFIG_DEFAULTS, "Hostname": "h", **wishes}, IMAGE)


def test_the_image_fills_in() -> None:
    """Does what the client leaves open come from the image?"""
    config = completed()
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == (
        "www",
        "/srv",
        "SIGQUIT",
    )
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert commands.split(config) == ("/entry", ["serve"])


def test_the_client_wins() -> None:
    """Does the client's word win, key by key where there are keys?"""
    config = completed(User="root", Env=["A=mine", "N=1"], Labels={"a": "mine"}, StopSignal="TERM")
    assert config["User"] == "root" and config["StopSignal"] == "TERM"
    assert config["Env"] == ["A=mine", "N=1", "PATH=/bin"]
    assert config["Labels"] == {"a": "mine", "b": "image"}


@pytest.mark.parametrize(
    ("wishes", "argv"),
    [
        ({"Cmd": ["other"]}, ("/entry", ["other"])),
        ({"Cmd": []}, ("/entry", [])),
        # an entrypoint of the client's drops the image's command
        ({"Entrypoint": ["/mine"]}, ("/mine", [])),
        ({"Entrypoint": ["/mine"], "Cmd": ["x"]}, ("/mine", ["x"])),
        ({"Entrypoint": [""], "Cmd": ["x", "y"]}, ("x", ["y"])),
        ({"Entrypoint": [], "Cmd": ["x"]}, ("x", [])),
    ],
)
def test_entrypoint_and_command(wishes: dict[str, Any], argv: tuple[str, list[str]]) -> None:
    """Do --entrypoint and the command combine as Docker's do?"""
    assert commands.split(completed(**wishes)) == argv


@pytest.mark.parametrize("wishes", [{"Entrypoint": [""]}, {"Entrypoint": [], "Cmd": []},
                                    {"Entrypoint": [""], "Cmd": [""]}])  # fmt: skip
def test_nothing_to_run(wishes: dict[str, Any]) -> None:
    """Is a container without a program refused?"""
    with pytest.raises(InvalidParameter, match="no command specified"):
        commands.split(completed(**wishes))


def test_environment() -> None:
    """Come Docker's variables first, then the container's, and is a bare name taken away?"""
    config = {
        **CONFIG_DEFAULTS,
        "Hostname": "h",
        "Tty": True,
        "Env": ["B=1", "TERM", "B=2=3", "E="],
    }
    assert commands.environment(config) == (
        f"PATH={commands.DEFAULT_PATH}",
        "HOSTNAME=h",
        "B=2=3",
        "E=",
    )
