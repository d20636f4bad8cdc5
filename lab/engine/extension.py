"""The parts behind /lab/v1/: they look at the engine's other parts, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from lab.engine.build_steps import BuildSteps
from lab.engine.namespaces import NamespaceView
from lab.engine.processes import ProcessView
from lab.engine.samples import Samples
from lab.engine.trace import Trace


@dataclass(frozen=True, slots=True)
class Extension:
    """What the routes of the extension ask, besides lab.engine.explore."""

    trace: Trace
    namespaces: NamespaceView
    processes: ProcessView
    samples: Samples
    builds: BuildSteps

    def close(self) -> None:
        """End all answers that have no end of their own."""
        self.trace.close()
        self.samples.close()
        self.builds.close()
