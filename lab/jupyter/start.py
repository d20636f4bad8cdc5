"""`lab start`: JupyterLab on loopback, with the lab's extension and the lessons."""

from __future__ import annotations

import os
from pathlib import Path

from lab.client import check_docker_host, name_engine
from lab.config import Config
from lab.jupyter import workspace
from lab.jupyter.settings import EXTENSION, notebooks, settings, write_defaults


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
    os.environ["JUPYTER_CONFIG_DIR"] = str(write_defaults(config.home / "jupyter"))
    from jupyterlab.labapp import LabApp

    folder = workspace.prepare(config, notebooks())
    os.chdir(folder)  # where terminals begin
    try:
        LabApp.launch_instance(arguments(folder, port, browser))
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0


def arguments(folder: Path, port: int | None, browser: bool) -> list[str]:
    """Return JupyterLab's command line."""
    options = {
        **settings(folder),
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.jpserver_extensions": f"{EXTENSION}=True",
    }
    if port is not None:
        options["ServerApp.port"] = str(port)
    if not browser:
        options["ServerApp.open_browser"] = "False"
    if os.geteuid() == 0:
        options["ServerApp.allow_root"] = "True"
    return [f"--{name}={value}" for name, value in options.items()]
