"""The table of texts, and the parts of the browser's side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.widgets import assets, texts
from lab.widgets.build_cache import BuildCache
from lab.widgets.cgroups import Cgroups
from lab.widgets.glass import GlassEngine
from lab.widgets.layers import Layers
from lab.widgets.lifecycle import Lifecycle
from lab.widgets.namespaces import Namespaces
from lab.widgets.networks import NetworkMap
from lab.widgets.own_docker import OwnDocker
from lab.widgets.ports import PortLink
from lab.widgets.predict import Predict
from lab.widgets.progress import Progress
from lab.widgets.quiz import Quiz
from lab.widgets.registry import Registry
from lab.widgets.texts_build import BUILD_CACHE
from lab.widgets.texts_cgroups import CGROUPS
from lab.widgets.texts_course import COURSE
from lab.widgets.texts_files import FILES
from lab.widgets.texts_glass import GLASS
from lab.widgets.texts_lifecycle import LIFECYCLE
from lab.widgets.texts_namespaces import NAMESPACES
from lab.widgets.texts_networks import NETWORKS
from lab.widgets.texts_own_docker import OWN_DOCKER
from lab.widgets.texts_registry import REGISTRY
from lab.widgets.texts_syscalls import SYSCALLS
from lab.widgets.texts_vm import VM_OR_CONTAINER
from lab.widgets.texts_volumes import VOLUMES
from lab.widgets.vm_or_container import VmOrContainer
from lab.widgets.volumes import Volumes

TABLES = {
    "common": texts.COMMON,
    "layers": texts.LAYERS,
    "files": FILES,
    "ports": texts.PORTS,
    "namespaces": NAMESPACES,
    "cgroups": CGROUPS,
    "glass": GLASS,
    "syscalls": SYSCALLS,
    "lifecycle": LIFECYCLE,
    "course": COURSE,
    "own docker": OWN_DOCKER,
    "networks": NETWORKS,
    "volumes": VOLUMES,
    "build": BUILD_CACHE,
    "registry": REGISTRY,
    "vm": VM_OR_CONTAINER,
}
WIDGETS = [
    Layers,
    PortLink,
    Namespaces,
    Cgroups,
    Lifecycle,
    GlassEngine,
    OwnDocker,
    Predict,
    Progress,
    Quiz,
    NetworkMap,
    Volumes,
    BuildCache,
    Registry,
    VmOrContainer,
]
STATIC = Path(assets.__file__).parent / "static"


@pytest.mark.parametrize("name", TABLES)
def test_both_languages_say_the_same(name: str) -> None:
    """Has each language every text, with the same places to fill in?"""
    english, korean = TABLES[name]["en"], TABLES[name]["ko"]
    assert english.keys() == korean.keys()
    for key in english:
        assert places(english[key]) == places(korean[key]), key


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("widget", WIDGETS)
def test_every_text_that_is_asked_for_exists(widget: type) -> None:
    """Does the table have each key that the script names?"""
    known = widget.class_traits()["words"].default()["en"]  # type: ignore[attr-defined]
    asked = set(re.findall(r"""\bsay\(\s*"(\w+)\"""", str(widget._esm)))  # type: ignore[attr-defined]
    assert asked
    assert asked <= set(known)


@pytest.mark.parametrize("widget", WIDGETS)
def test_script_is_one_module(widget: type) -> None:
    """Is there one default export, no import, and no name declared twice?"""
    script = str(widget._esm)  # type: ignore[attr-defined]
    assert script.count("export default") == 1
    assert not re.search(r"^import\b", script, re.MULTILINE)
    names = re.findall(r"^(?:function|class|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names))


def test_nothing_comes_from_elsewhere() -> None:
    """Do script and style load nothing from the network?"""
    for path in STATIC.iterdir():
        found = re.findall(r"https?://[^\s\"'`]+", path.read_text())
        allowed = ("http://www.w3.org/2000/svg", "http://localhost:")
        assert all(address.startswith(allowed) for address in found), path


def test_files_stay_small() -> None:
    """Is every part of the browser's side at most 300 lines?"""
    assert all(len(path.read_text().splitlines()) <= 300 for path in STATIC.iterdir())


@pytest.mark.parametrize(
    ("folder", "language"), [("/x/ko", "ko"), ("/x/en", ""), ("/home/ada", ""), ("/x/ko/y", "")]
)
def test_language_of_a_lesson(folder: str, language: str) -> None:
    """Do the widgets of a Korean lesson speak Korean, and others JupyterLab's language?"""
    assert texts.language_of_lesson(Path(folder)) == language
