"""Tests of what is taken of this machine's Python, and of the libraries that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.microvm import python
from lab.microvm.libraries import is_elf, libraries_of, loader_of, stripped


@pytest.fixture(scope="module")
def interpreter() -> python.Interpreter:
    return python.read_interpreter()


def test_interpreter_is_the_one_below_any_environment(interpreter: python.Interpreter) -> None:
    """Is the real program found, whose library lies where it says?"""
    assert is_elf(interpreter.program)
    assert (interpreter.library / "os.py").is_file()
    assert interpreter.guest_program.startswith("/usr/bin/python3")
    assert interpreter.guest_library.endswith(interpreter.library.name)
    assert interpreter.packages.startswith("/usr/")


def test_library_has_what_the_engine_imports(interpreter: python.Interpreter) -> None:
    """Is all of the standard library there that the lab uses, and none of the tests?"""
    names = {name for name, _ in python.library_files(interpreter)}
    assert {"os.py", "asyncio/__init__.py", "json/decoder.py", "sqlite3/__init__.py"} <= names
    assert any(name.startswith("lib-dynload/_ctypes.") for name in names)
    heavy = ("test/", "idlelib/", "site-packages/", "tkinter/", "ensurepip/")
    assert not any(name.startswith(heavy) or "__pycache__" in name for name in names)


def test_requirements_are_followed() -> None:
    """Are the requirements of requirements found, and extras left out?"""
    found = python.distributions()
    assert set(python.REQUIREMENTS) <= set(found)
    assert {"yarl", "multidict", "cffi", "pycparser"} <= set(found)
    assert not {"pytest", "brotli", "aiodns"} & set(found)


def test_requirements_of_the_engine_are_listed() -> None:
    """Does every module of the engine's import only what goes into the guest?"""
    program = (
        "import json, sys; before = set(sys.modules)\n"
        "import lab.daemon, lab.sandbox.launcher, lab.runtime.spawner, isal.igzip_lib, argon2\n"
        "fresh = [sys.modules[name] for name in set(sys.modules) - before]\n"
        "print(json.dumps([getattr(module, '__file__', None) for module in fresh]))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, check=True, text=True
    )
    loaded = {path for path in json.loads(done.stdout) if path and "site-packages" in path}
    known = {
        os.path.realpath(path)
        for distribution in python.distributions().values()
        for _, path in python.distribution_files(distribution)
    }
    assert not {path for path in loaded if os.path.realpath(path) not in known}


def test_missing_requirement_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a package that is not installed named?"""
    monkeypatch.setattr(python, "REQUIREMENTS", ("no-such-package-here",))
    with pytest.raises(Unavailable, match="no-such-package-here"):
        python.distributions()


def test_distribution_without_what_only_builds_need() -> None:
    """Are modules and libraries taken, and sources in C, stubs and records left out?"""
    names = {name for name, _ in python.distribution_files(metadata.distribution("aiohttp"))}
    assert "aiohttp/web.py" in names
    assert any(name.endswith(".dist-info/METADATA") for name in names)
    assert not any(name.endswith((".pyi", ".c", ".pyx", "RECORD")) for name in names)


def test_libraries_are_found_by_the_loader(interpreter: python.Interpreter) -> None:
    """Are all libraries of the interpreter's named, by the name that is asked for?"""
    loader = loader_of(interpreter.program)
    assert Path(loader).is_file()
    found = libraries_of([interpreter.program], loader)
    assert found["libc.so.6"].name.startswith("libc")
    assert all(path.is_file() for path in found.values())


def test_script_has_no_loader(tmp_path: Path) -> None:
    """Is a file that is no ELF file told apart?"""
    for content in (b"", b"#!/bin/sh\n" + b"x" * 100, b"\x7fELF\x02\x01\x01"):
        (tmp_path / "script").write_bytes(content)
        assert loader_of(tmp_path / "script") == ""
        assert stripped(content) == content


def test_missing_library_is_said(tmp_path: Path) -> None:
    """Is a library that the loader does not find an error that names it?"""
    loader = tmp_path / "loader"
    loader.write_text("#!/bin/sh\nprintf '\\tlibodd.so.3 => not found\\n'\n")
    loader.chmod(0o755)
    with pytest.raises(Unavailable, match=r"libodd\.so\.3"):
        libraries_of([Path("/program")], str(loader))


def test_stripped_program_still_runs(tmp_path: Path, interpreter: python.Interpreter) -> None:
    """Does a program run without what only debuggers read?"""
    program = tmp_path / "true"
    content = Path("/bin/true").read_bytes()
    program.write_bytes(stripped(content))
    program.chmod(0o755)
    assert program.stat().st_size < len(content)
    assert subprocess.run([program], check=False).returncode == 0
