"""The one place that gives terminals and notebooks their environment."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from lab.config import Config


def apply(config: Config, environ: MutableMapping[str, str]) -> None:
    """Set in the server's `environ` what its terminals and kernels inherit.

    They find the engine, a docker CLI, and the lab's own programs; their docker CLI keeps its
    settings and passwords in a folder of the lab's.
    """
    config.docker_config.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ.update(config.terminal_environ())
    programs = str(Path(sys.executable).parent)
    if programs not in environ["PATH"].split(os.pathsep):
        environ["PATH"] += os.pathsep + programs


def without_login(command: list[str]) -> list[str]:
    """Return a shell's command without the login option.

    A login shell reads /etc/profile, which on Debian sets PATH anew and so forgets the lab's.
    """
    return [word for word in command if word not in ("-l", "--login")]
