"""The lab's own container image, built and run by the lab's own engine: no Docker is needed."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import ROOT, docker_cli, free_port, until

IMAGE = "docker-learning-lab"
TOKEN = "letters"
HOUR = 3600.0
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BASE = """\
FROM debian:bookworm-slim
COPY certificates /etc/certificates
RUN printf '[global]\\ncert = /etc/certificates\\n' > /etc/pip.conf
RUN for suite in bookworm bookworm-updates; do echo "deb \
[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main"; \
done > /etc/apt/sources.list
"""
"""The catalog's image names no source of packages; and what signs for this machine's way out is
trusted."""
PROBE = "apt-get -qq -o APT::Update::Error-Mode=any update && apt-get -qq install -y python3-pip"


@pytest.fixture
def engine_with_base(own_engine: Callable[[], EngineProcess], tmp_path: Path) -> EngineProcess:
    """An engine in which Debian's image knows where packages are, and reaches them."""
    engine = own_engine()
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "Dockerfile").write_text(BASE)
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, folder / "certificates")
    else:
        (folder / "certificates").touch()
    built = run(engine, tmp_path, "build", "-t", "debian:bookworm-slim", str(folder))
    assert built.returncode == 0, built.stderr
    probe = f"{PROBE} && pip download -qq --no-deps -d /tmp tornado"
    found = run(engine, tmp_path, "run", "--rm", "debian:bookworm-slim", "sh", "-c", probe)
    if found.returncode:
        pytest.skip(f"a container reaches no packages here: {found.stderr[-200:]}")
    return engine


def run(engine: EngineProcess, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return docker_cli(engine, folder, *words, timeout=HOUR)


@pytest.mark.long
@pytest.mark.timeout(2 * HOUR)
def test_built_and_started(engine_with_base: EngineProcess, tmp_path: Path) -> None:
    """Does our engine build binder/Dockerfile to its end, and does JupyterLab answer in it?"""
    engine = engine_with_base
    dockerfile = str(ROOT / "binder" / "Dockerfile")
    built = run(engine, tmp_path, "build", "-t", IMAGE, "-f", dockerfile, str(ROOT))
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    assert f"Successfully tagged {IMAGE}:latest" in built.stdout
    assert "The lab is ready" in built.stdout
    port = free_port()
    words = ["run", "-d", "--name", "binder", "-p", f"{port}:8888", "-e", f"JUPYTER_TOKEN={TOKEN}"]
    assert run(engine, tmp_path, *words, IMAGE).returncode == 0

    def version() -> str:
        address = f"http://127.0.0.1:{port}/api?token={TOKEN}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return ""

    assert until(version, 120, "JupyterLab answers")
    found = json.loads(run(engine, tmp_path, "exec", "binder", "lab", "doctor", "--json").stdout)
    assert found["works"]
    assert run(engine, tmp_path, "rm", "-f", "binder").returncode == 0
