"""`lab start`: JupyterLab on loopback, with the lab's extension and the lessons."""

from __future__ import annotations

import json
import os
from pathlib import Path

import lab
from lab.client import check_docker_host, name_engine
from lab.config import Config
from lab.errors import NotFound
from lab.jupyter import workspace

FIRST_PAGE = "en/02_first_container.ipynb"

DEFAULTS = {
    # no question about news, and nothing fetched from the internet
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
"""Settings of JupyterLab that differ from its own defaults, by plugin."""


def run(config: Config, port: int | None, browser: bool) -> int:
    """Run JupyterLab until it is stopped; return its exit code.

    `port` is the first one to try (8888 if None); `browser` says whether to open one.  The URL,
    with its token, is printed.  Raises NotFound if there are no lessons beside the program,
    Unavailable if a Docker Engine of one's own is to be used and does not answer.
    """
    if config.docker_host:
        name = name_engine(check_docker_host(config.docker_host))
        print(f"Using {name} at {config.docker_host}, not the lab's own engine.", flush=True)
        os.environ["LAB_DOCKER_HOST"] = config.docker_host  # the extension reads it
    # settings of another JupyterLab of this user stay out, and ours out of there;
    # Jupyter reads this when it is imported
    os.environ["JUPYTER_CONFIG_DIR"] = str(prepare_settings(config.home / "jupyter"))
    from jupyterlab.labapp import LabApp

    folder = workspace.prepare(config, notebooks())
    os.chdir(folder)  # where terminals begin
    try:
        LabApp.launch_instance(arguments(folder, port, browser))
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0


def prepare_settings(folder: Path) -> Path:
    """Write the lab's defaults for JupyterLab below `folder`; what the learner chooses stays.

    Source: jupyterlab_server, default_setting_overrides.json.
    """
    defaults = folder / "labconfig" / "default_setting_overrides.json"
    defaults.parent.mkdir(parents=True, exist_ok=True)
    defaults.write_text(json.dumps(DEFAULTS, indent=2), encoding="utf-8")
    return folder


def notebooks() -> Path:
    """Return the folder of the lessons; NotFound."""
    folder = Path(lab.__file__).resolve().parents[1] / "notebooks"
    if not folder.is_dir():
        raise NotFound(
            f"no lessons at {folder}", hint="run the lab from its checkout, with `make lab`"
        )
    return folder


def arguments(folder: Path, port: int | None, browser: bool) -> list[str]:
    """Return JupyterLab's command line."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": str(folder),
        "ServerApp.jpserver_extensions": "lab.jupyter=True",
        "ServerApp.log_level": "WARN",
        # nbgrader wants its course below the server's root; exercises are opened by their path
        "CourseDirectory.root": str(folder),
        "LabApp.default_url": f"/lab/tree/{FIRST_PAGE}",
        "LabApp.extension_manager": "readonly",
    }
    if port is not None:
        options["ServerApp.port"] = str(port)
    if not browser:
        options["ServerApp.open_browser"] = "False"
    if os.geteuid() == 0:
        options["ServerApp.allow_root"] = "True"
    return [f"--{name}={value}" for name, value in options.items()]
