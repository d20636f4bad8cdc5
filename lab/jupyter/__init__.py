"""The lab inside a Jupyter server: an extension that starts and stops the engine."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell jupyter_server what to load.  Source: jupyter_server, Authoring Server Extensions."""
    from lab.jupyter.extension import LabExtension

    return [{"module": "lab.jupyter", "app": LabExtension}]
