"""Who may import whom, how long files and functions may be: read from the sources, and proved."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE_LIMIT, FUNCTION_LIMIT = 300, 40

_BASE = {"errors"}
_RECORDS = _BASE | {"oci", "ids", "kernel"}
_STORES = _RECORDS | {"database", "journal", "config"}
_MECHANISMS = {"image", "registry", "snapshot", "build", "runtime", "network"}

# package or module of lab -> those of lab that it may import, besides itself
ALLOWED: dict[str, set[str]] = {
    "__init__": {"client"},
    "errors": set(),
    "oci": _BASE,
    "ids": _BASE,
    "kernel": _BASE,
    "database": _BASE,
    "journal": _RECORDS | {"database"},
    "config": _RECORDS,
    "image": _STORES - {"config"},
    "registry": _STORES - {"config"} | {"image"},
    "snapshot": _STORES - {"config"},
    "runtime": _STORES - {"config"},
    "network": _STORES - {"config"},
    "build": _STORES - {"config"} | {"image", "snapshot"},
    "engine": _STORES | _MECHANISMS | {"__init__"},
    "api": _RECORDS | {"engine", "runtime", "build", "__init__"},
    "daemon": _STORES | {"engine", "api"},
    "sandbox": {"kernel", "config", "errors"},
    "catalog": {"oci", "image", "registry", "sandbox", "errors"},
    "microvm": {"config", "errors", "catalog", "sandbox", "oci", "image", "kernel"},
    "client": {"config", "errors"},
    "jupyter": {"__init__", "client", "config", "errors", "course"},
    "course": {"__init__", "client", "config", "errors", "sandbox"},
    "widgets": {"__init__", "client", "config", "errors", "course", "jupyter"},
    "setup": {"config", "errors", "catalog", "microvm", "sandbox", "jupyter"},
    "cli": {"__init__", "config", "errors", "setup", "sandbox", "jupyter", "registry", "course"},
}

SPAWNER = {"lab.kernel", "lab.errors", "lab.oci.runtime_spec", "lab.runtime.sync"}
"""What the sandbox's first process may import, besides its own modules."""

SPAWNER_MODULES = {
    f"lab.runtime.{name}"
    for name in (
        "spawner init enter binds tree rootfs shared process users namespaces capabilities wiring"
    ).split()
}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT / "lab")
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_parts(path: Path) -> set[str]:
    known = set(ALLOWED)
    found = set()
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "lab" and len(parts) > 1 and parts[1] in known:
            found.add(parts[1])
        elif name in ("lab.__version__", "lab.connect"):
            found.add("__init__")
    return found - {part_of(path)}


@pytest.mark.parametrize("path", sources("lab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_layer_may(path: Path) -> None:
    """Does each module of the lab import only from the layers below it?"""
    forbidden = imported_parts(path) - ALLOWED[part_of(path)]
    assert not forbidden, f"{part_of(path)} may not import {sorted(forbidden)}"


def test_every_part_is_listed() -> None:
    """Does the table above know every package and module of the lab?"""
    assert {part_of(path) for path in sources("lab")} <= set(ALLOWED)


@pytest.mark.parametrize("module", sorted(SPAWNER_MODULES))
def test_spawner_stays_small(module: str) -> None:
    """Does what every container start pays for import only the few modules that it may?"""
    path = ROOT / (module.replace(".", "/") + ".py")
    for name in imports(path):
        if name.startswith("lab.") and name not in ("lab.kernel", "lab.runtime"):
            assert name.startswith(tuple(SPAWNER | SPAWNER_MODULES)), name


def test_grader_uses_only_public_faces() -> None:
    """Does the grader import nothing of the lab but the sandbox's public face?"""
    for path in sources("grader"):
        for name in imports(path):
            if name.split(".")[0] == "lab":
                assert name.startswith(("lab.sandbox", "lab.errors")), f"{path}: {name}"


def test_only_config_reads_the_environment() -> None:
    """Is lab/config.py the only module of the engine that reads os.environ?"""
    engine_side = {"config", "sandbox", "setup", "cli", "jupyter", "client", "widgets", "course"}
    for path in sources("lab"):
        if part_of(path) not in engine_side:
            assert "os.environ" not in path.read_text(), path


@pytest.mark.parametrize(
    "path", sources("lab", "grader", "tests", "bench"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_files_and_functions_are_short(path: Path) -> None:
    """Has the file at most 300 lines, and each function at most 40?"""
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LIMIT
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LIMIT, f"{node.name} has {length} lines"
