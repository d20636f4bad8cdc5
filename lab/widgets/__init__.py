"""Pictures of what the engine does, for notebooks; each is usable alone.

Layers      images as stacks of layers, and what containers write
open_port   a link to a published port
"""

from __future__ import annotations

from lab.widgets.layers import Layers
from lab.widgets.ports import open_port

__all__ = ["Layers", "open_port"]
