"""The settings of a Jupyter server that has the lab in it, however the server is started.

`lab start` gives them on the command line.  Where others start the server (BinderHub, JupyterHub,
`jupyter lab` in a container), its configuration file calls `configure`:

    # jupyter_server_config.py
    from lab.jupyter.settings import configure
    configure(get_config())
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lab
from lab.config import Config
from lab.errors import NotFound
from lab.jupyter import workspace

FIRST_PAGE = "/lab"
"""Home opens there by itself; what was open the last time is opened again."""

DEFAULTS = {
    # no question about news, and nothing fetched from the internet
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
"""Settings of JupyterLab that differ from its own defaults, by plugin."""

EXTENSION = "lab.jupyter"


def settings(folder: Path) -> dict[str, str]:
    """Return the options of a server whose files are in `folder`, by Jupyter's names."""
    return {
        "ServerApp.root_dir": str(folder),
        "ServerApp.log_level": "WARN",
        # nbgrader wants its course below the server's root; exercises are opened by their path
        "CourseDirectory.root": str(folder),
        "LabApp.default_url": FIRST_PAGE,
        "LabApp.extension_manager": "readonly",
    }


def configure(config: Any, lab_config: Config | None = None) -> None:
    """Prepare the learner's folder, and set everything in `config`, a traitlets configuration."""
    folder = workspace.prepare(lab_config or Config.from_environ(), notebooks())
    for name, value in settings(folder).items():
        section, _, option = name.partition(".")
        config[section][option] = value
    config.ServerApp.jpserver_extensions = {EXTENSION: True}


def write_defaults(folder: Path) -> Path:
    """Write the lab's defaults for JupyterLab below `folder`; what the learner chooses stays.

    `folder` is one of those in which Jupyter looks for configuration; it is returned.
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
