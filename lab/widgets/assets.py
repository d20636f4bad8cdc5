"""The browser's side of the widgets, put together without a build step.

A widget's module must be one text, so its parts are joined: each file in `static` is a part, and
what one part declares the others can use.
"""

from __future__ import annotations

from pathlib import Path

_STATIC = Path(__file__).parent / "static"


def script(*names: str) -> str:
    """Return one ES module made of the parts `static/NAME.js`, in this order."""
    return "\n".join((_STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style(*names: str) -> str:
    """Return one style sheet made of the parts `static/NAME.css`, in this order."""
    return "\n".join((_STATIC / f"{name}.css").read_text(encoding="utf-8") for name in names)
