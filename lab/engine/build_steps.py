"""What the build cache decides, told while a build goes on, and why in more words than it has itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from lab.build.cache import Decision, Reason
from lab.engine.build_records import BuildRecord, BuildRecords
from lab.engine.feeds import Feed, Missed


@dataclass(frozen=True, slots=True)
class BuildStep:
    """A decision as it was made; `build` is the number of the build."""

    build: int
    decision: Decision


class BuildSteps:
    """Keeps the builds and tells of their steps; `follow` belongs to the event loop's thread."""

    def __init__(self, records: BuildRecords) -> None:
        self._records = records
        self._feed: Feed[BuildStep] = Feed()

    def decide(
        self, build: int, decision: Decision, earlier: list[Decision], base: Callable[[], str]
    ) -> None:
        """Take a decision of a running build, add it to its `earlier` ones, and tell of it.

        `base` gives the id of the image that the build started from.
        """
        if decision.reason is Reason.NEW and not earlier:
            decision = self._with_base(decision, base())
        earlier.append(decision)
        self._feed.tell(BuildStep(build, decision))

    async def follow(self) -> AsyncGenerator[BuildStep | Missed | None, None]:
        """Yield decisions from now on, as lab.engine.feeds.Feed.listen does."""
        async for step in self._feed.listen():
            yield step

    def builds(self, limit: int) -> list[BuildRecord]:
        """Return the latest builds that are remembered, the latest first."""
        return self._records.builds(limit)

    def close(self) -> None:
        self._feed.close()

    def _with_base(self, decision: Decision, base: str) -> Decision:
        """Say that it is the base that changed, if a build began the same way on another one."""
        for record in self._records.builds():
            first = record.decisions[0] if record.decisions else None
            if first is not None and first.text == decision.text and record.base:
                if record.base == base:
                    return decision
                return replace(decision, reason=Reason.BASE, details=(record.base,))
        return decision
