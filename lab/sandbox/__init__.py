"""The sandbox: where the engine and its containers live, apart from the host.

For lessons there is one more way in: `MicroVm`, a virtual machine to look at.  It is imported when
it is first asked for, since the package itself belongs to what every start of an engine imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.sandbox.vm.machine import MicroVm

__all__ = ["MicroVm"]


def __getattr__(name: str) -> Any:
    if name == "MicroVm":
        from lab.sandbox.vm.machine import MicroVm

        return MicroVm
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
