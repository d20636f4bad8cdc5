"""A JupyterHub on this machine: its own proxy, a server for each user, the image's configuration."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..conftest import ROOT, until

PORT = 8950
START_LIMIT = 60.0
STOP_LIMIT = 60.0
_PROGRAMS = Path(sys.executable).parent

CONFIG = """
import os, pathlib
folder = pathlib.Path({folder!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.db_url = "sqlite:///" + str(folder / "hub.sqlite")
c.JupyterHub.cookie_secret_file = str(folder / "secret")
c.JupyterHub.cleanup_servers = True
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = str(folder / "proxy.pid")
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(folder / "homes/{{username}}")
c.Spawner.cmd = [{singleuser!r}]
c.Spawner.default_url = "/lab/tree/en/02_first_container.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 90
c.Spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
c.Spawner.environment = {environ!r}
c.JupyterHub.services = [{{"name": "test", "api_token": {token!r}}}]
scopes = ["admin:users", "admin:servers", "tokens", "access:servers"]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": scopes}}]
"""


class RunningHub:
    """A hub that answers; `ask` speaks to it, and to its users' servers."""

    def __init__(self, folder: Path, token: str) -> None:
        self.folder = folder
        self._token = token

    def home(self, user: str) -> Path:
        """Return the lab's folder of a user."""
        return self.folder / "homes" / user / ".local" / "share" / "docker-learning-lab"

    def docker_host(self, user: str) -> str:
        return f"unix://{self.home(user)}/engine/docker.sock"

    def ask(self, path: str, body: Any = None, token: str = "", method: str = "") -> bytes:
        """Return the answer to a request; urllib.error.HTTPError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
            headers={"Authorization": f"token {token or self._token}"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def start_server(self, user: str) -> None:
        """Make a user, and start a server for it; do not wait."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.ask(f"hub/api/users/{user}", body={})
        self.ask(f"hub/api/users/{user}/server", body={})

    def stop_server(self, user: str) -> None:
        self.ask(f"hub/api/users/{user}/server", method="DELETE")

    def engine(self, user: str) -> dict[str, str]:
        """Return what a user's server says of its engine; nothing while it does not answer."""
        try:
            told: dict[str, str] = json.loads(self.ask(f"user/{user}/lab/engine"))
        except (urllib.error.URLError, ValueError):
            return {}
        return told

    def answers(self) -> bool:
        try:
            self.ask("hub/api/")
        except urllib.error.URLError:
            return False
        return True


@contextlib.contextmanager
def running_hub(folder: Path, catalog: Path) -> Iterator[RunningHub]:
    """Run a hub for the time of the block."""
    token = secrets.token_hex(16)
    config = _write_config(folder, catalog, token)
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [str(_PROGRAMS / "jupyterhub"), "--config", str(config)],
            cwd=folder,
            env={**_without_jupyter(), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    hub = RunningHub(folder, token)
    try:
        until(hub.answers, START_LIMIT, "the hub answers")
        yield hub
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write_config(folder: Path, catalog: Path, token: str) -> Path:
    for name in ("homes", "prepared", "jupyter"):
        (folder / name).mkdir(parents=True)
    (folder / "prepared" / "catalog").symlink_to(catalog)
    shutil.copy(ROOT / "binder" / "jupyter_server_config.py", folder / "jupyter")
    environ = {
        "PATH": f"{_PROGRAMS}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LAB_PREPARED": str(folder / "prepared"),
        "JUPYTER_CONFIG_PATH": str(folder / "jupyter"),
        "SHELL": "/bin/bash",
    }
    text = CONFIG.format(
        folder=str(folder),
        port=PORT,
        hub_port=PORT + 1,
        api_port=PORT + 2,
        proxy=str(_PROGRAMS / "configurable-http-proxy"),
        singleuser=str(_PROGRAMS / "jupyterhub-singleuser"),
        environ=environ,
        token=token,
    )
    path = folder / "jupyterhub_config.py"
    path.write_text(text)
    return path


def _without_jupyter() -> dict[str, str]:
    """Return this environment without what leads to an engine or to another Jupyter's settings."""
    leads = ("JUPYTER", "LAB_", "DOCKER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(leads)}
