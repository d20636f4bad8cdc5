"""What this user's lab has at hand, for programs that start engines of their own."""

from __future__ import annotations

from pathlib import Path

from lab.config import Config


def catalog() -> Path | None:
    """Return the folder of the official images that `lab setup` made; None if it has not."""
    folder = Config.from_environ().catalog
    return folder if folder.is_dir() else None


def search_path() -> str:
    """Return the PATH on which a docker CLI is found."""
    return Config.from_environ().terminal_environ()["PATH"]
