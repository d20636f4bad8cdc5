"""Build arguments: what ARG declares, and what `docker build --build-arg` sets.

Source: Dockerfile reference, ARG; Docker's predefined arguments, which need no ARG and leave
no trace in the image's history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

PREDEFINED = frozenset(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")
    for name in (upper, upper.lower())
)
"""Arguments that Docker lets everyone set, in either case."""


@dataclass(frozen=True, slots=True)
class BuildArgs:
    """The arguments known at one point of a Dockerfile.

    `given` is what the user set (None: named without a value); `declared` what ARG has declared
    so far, with its default; `before_from` the same for ARGs before FROM.
    """

    given: Mapping[str, str | None] = field(default_factory=dict)
    declared: Mapping[str, str | None] = field(default_factory=dict)
    before_from: Mapping[str, str | None] = field(default_factory=dict)

    def declare(self, pairs: Iterable[tuple[str, str | None]]) -> BuildArgs:
        """Return the arguments after an ARG instruction."""
        return replace(self, declared={**self.declared, **dict(pairs)})

    def begin_stage(self) -> BuildArgs:
        """Return the arguments after FROM: what was declared before it must be declared again."""
        return replace(self, declared={}, before_from=self.declared)

    def values(self) -> dict[str, str]:
        """Return name and value of each argument that has one."""
        found = {name: self._value(name) for name in sorted({*self.declared, *PREDEFINED})}
        return {name: value for name, value in found.items() if value is not None}

    def for_run(self, environment: Collection[str]) -> tuple[str, ...]:
        """Return `name=value` for RUN; a variable of the environment hides its argument."""
        return tuple(
            f"{name}={value}" for name, value in self.values().items() if name not in environment
        )

    def in_history(self, entry: str) -> bool:
        """Whether this `name=value` belongs into the history: not if it is only predefined."""
        name = entry.partition("=")[0]
        return name in self.declared or name not in PREDEFINED

    def not_consumed(self) -> list[str]:
        """Return the names that the user set and no ARG declared, sorted."""
        known = {*self.declared, *self.before_from, *PREDEFINED}
        return sorted(name for name in self.given if name not in known)

    def _value(self, name: str) -> str | None:
        given = self.given.get(name)
        if given is not None:
            return given
        default = self.declared.get(name)
        return self.before_from.get(name) if default is None else default
