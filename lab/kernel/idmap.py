"""How the ids of containers appear in the sandbox.  Source: user_namespaces(7)."""

from __future__ import annotations

from dataclasses import dataclass

CONTAINER_IDS = 65536
"""How many user and group ids a container has: 0 to 65535."""


@dataclass(frozen=True, slots=True)
class IdMap:
    """Container id 0 is sandbox id `base`, 1 is `base + 1`, and so on for `size` ids.

    A lab that root started has base 1 (so that no container process has the host's id 0); a
    normal user's lab has base 0 (container root is the user, so bound folders just work).
    Users and groups are mapped alike.
    """

    base: int
    size: int = CONTAINER_IDS

    def to_sandbox(self, container_id: int) -> int:
        """Return the id under which the sandbox sees, and disk stores, a container's id.

        Ids that no container can have become the overflow id, as the kernel shows them.
        """
        return self.base + container_id if 0 <= container_id < self.size else _OVERFLOW

    def to_container(self, sandbox_id: int) -> int:
        """Return the container's id of what is `sandbox_id` on disk; the overflow id if none."""
        inner = sandbox_id - self.base
        return inner if 0 <= inner < self.size else _OVERFLOW


_OVERFLOW = 65534
