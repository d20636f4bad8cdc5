"""A submission done again: its cells in a kernel of its own, the graded ones beside it.

The kernel gets the learner's cells and nothing else.  A graded cell is never sent to it: the
grader's own process evaluates the task when the cell's turn comes, and writes one number.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from grader.errors import KernelFailed
from grader.notebook import Step
from grader.results import CheckResult, tidy
from grader.workspace import Workspace

TIMEOUT = "TimeoutError"
"""What is told as the error of a cell that took too long."""

NOT_RUN = "NotRun"
"""What is told of a cell that was not sent: the time was up, or the kernel had ended."""

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
_log.propagate = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that one cell, and all cells together, may take."""

    cell: int = 120
    whole: int = 600


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that failed: its place (1: the first), its id, and the kind of the error.

    The error's text is left out: it can hold a command's arguments, and so a password.
    """

    place: int
    grade_id: str | None
    error: str

    def to_json(self) -> dict[str, Any]:
        return {"cell": self.place, "grade_id": self.grade_id, "error": self.error}


@dataclass(slots=True)
class Replayed:
    """The results of the graded cells that were there, by task, and the cells that failed."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def replay(
    steps: Sequence[Step],
    notebook: NotebookNode,
    space: Workspace,
    environ: dict[str, str],
    limits: Limits,
    evaluate: Callable[[str], CheckResult],
) -> Replayed:
    """Do all steps in their order; outputs go into the steps' cells, which are `notebook`'s.

    `evaluate` is called with a task's name at each graded cell.  Raises KernelFailed, and what
    `evaluate` raises.
    """
    return asyncio.run(_Replay(notebook, space, limits).run(steps, environ, evaluate))


class _Replay:
    def __init__(self, notebook: NotebookNode, space: Workspace, limits: Limits) -> None:
        self._limits = limits
        self._space = space
        self._end = time.monotonic() + limits.whole
        self._failed: str | None = None
        self._alive = True
        self._interrupted = False
        self._client = NotebookClient(
            notebook,
            km=_manager(space),
            timeout_func=lambda cell: self._seconds(),
            interrupt_on_timeout=True,
            error_on_timeout={"ename": TIMEOUT, "evalue": "", "traceback": []},
            allow_errors=True,
            record_timing=False,
            raise_on_iopub_timeout=False,
            shutdown_kernel="immediate",
            on_cell_executed=self._on_executed,
            log=_log,
        )

    async def run(
        self,
        steps: Sequence[Step],
        environ: dict[str, str],
        evaluate: Callable[[str], CheckResult],
    ) -> Replayed:
        done = Replayed()
        try:
            await self._start(environ)
            for place, step in enumerate(steps):
                if step.task is not None:
                    result = await asyncio.to_thread(evaluate, step.task)
                    done.results[step.task] = result
                    _write_points(step.cell, result)
                elif error := await self._execute(step.cell, place):
                    done.failures.append(Failure(place + 1, step.grade_id, error))
        finally:
            await self._client._async_cleanup_kernel()
        return done

    async def _start(self, environ: dict[str, str]) -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt, task)
        try:
            await self._client.async_start_new_kernel(env=environ, cwd=str(self._space.work))
            await self._client.async_start_new_kernel_client()
        except (RuntimeError, OSError) as error:
            raise KernelFailed(f"no Python kernel could be started: {error}") from error

    async def _execute(self, cell: NotebookNode, place: int) -> str | None:
        """Run a cell; return the kind of its error, None if there was none."""
        if cell.cell_type != "code" or not cell.source.strip():
            return None
        if not self._alive or self._end <= time.monotonic():
            return NOT_RUN
        self._failed = None
        try:
            await self._client.async_execute_cell(cell, place)
        except DeadKernelError:
            if self._interrupted:  # nbclient takes the cancelled task for a dead kernel
                raise asyncio.CancelledError from None
            self._alive = False
            return "DeadKernelError"
        except CellTimeoutError:
            return TIMEOUT
        return self._failed

    def _interrupt(self, task: asyncio.Task[Any]) -> None:
        self._interrupted = True
        task.cancel()

    def _seconds(self) -> int:
        return max(1, min(self._limits.cell, round(self._end - time.monotonic())))

    def _on_executed(self, cell: NotebookNode, cell_index: int, execute_reply: Any) -> None:
        content = execute_reply["content"]
        if content.get("status") == "error":
            self._failed = str(content.get("ename") or "Error")


def _manager(space: Workspace) -> AsyncKernelManager:
    # kernel specs of this user could start anything: only this interpreter's own is known
    specs = KernelSpecManager(kernel_dirs=[])
    return AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=specs,
        transport="ipc",
        ip=str(space.kernel / "ipc"),
        connection_file=str(space.kernel / "kernel.json"),
    )


def _write_points(cell: NotebookNode, result: CheckResult) -> None:
    number = {"text/plain": str(tidy(result.points))}
    output = new_output("execute_result", number, execution_count=None)  # type: ignore[no-untyped-call]
    cell.outputs = [output]
