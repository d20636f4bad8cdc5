"""An instruction's `--options`, and how many arguments it may have: checks that many need.

Source: Dockerfile reference; wording of errors: Docker's classic builder.
"""

from __future__ import annotations

from lab.build.parser import Node
from lab.errors import BuildError, Unsupported

_NEED_BUILDKIT = {
    "run": ("mount", "network", "security", "device"),
    "copy": ("link", "parents", "exclude"),
    "add": ("link", "checksum", "keep-git-dir", "exclude", "unpack"),
}


def values(node: Node, *known: str) -> dict[str, str]:
    """Return the options of the instruction; each takes a value.

    Raises BuildError for an option that is not `known`, Unsupported for BuildKit's.
    """
    found: dict[str, str] = {}
    for flag in node.flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name in _NEED_BUILDKIT.get(node.keyword, ()):
            raise Unsupported(
                f"dockerfile line {node.line}: the --{name} option requires BuildKit. Refer to"
                " https://docs.docker.com/go/buildkit/ to learn how to build images with"
                " BuildKit enabled",
                hint="this engine builds with the classic builder only",
            )
        if name not in known:
            raise BuildError(f"Unknown flag: {name}")
        if name in found:
            raise BuildError(f"Duplicate flag specified: {name}")
        if not equals:
            raise BuildError(f"Missing a value on flag: {name}")
        found[name] = value
    return found


def some(node: Node) -> None:
    """Raise BuildError if the instruction has no argument."""
    if not node.args:
        raise BuildError(f"{node.keyword.upper()} requires at least one argument")


def single(node: Node) -> str:
    """Return the one argument of an instruction that has no options.  Raises BuildError."""
    if len(node.args) != 1:
        raise BuildError(f"{node.keyword.upper()} requires exactly one argument")
    values(node)
    return node.args[0]
