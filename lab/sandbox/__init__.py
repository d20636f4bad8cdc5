"""The sandbox: where the engine and its containers live, apart from the host.

For lessons there are two more ways in: `MicroVm`, a virtual machine to look at, and `Workbench`, a
Python interpreter in a sandbox of its own.  Both are imported when they are first asked for, since
the package itself belongs to what every start of an engine imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.sandbox.vm.machine import MicroVm
    from lab.sandbox.workbench import Workbench

__all__ = ["MicroVm", "Workbench"]


def __getattr__(name: str) -> Any:
    if name == "MicroVm":
        from lab.sandbox.vm.machine import MicroVm

        return MicroVm
    if name == "Workbench":
        from lab.sandbox.workbench import Workbench

        return Workbench
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
