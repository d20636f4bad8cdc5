"""Why something cannot be graded: a branch of the lab's one error tree.

    GraderError               anything that keeps a submission from being graded
      NoSuchExercise          the course has no exercise of that name
      BadExercise             the instructor's notebook or its checks are wrong
      BadSubmission           the file handed in cannot be read as a notebook of this exercise
      EngineUnreachable       no engine answers
        NotTheLabs            one answers that is not the lab's own
      KernelFailed            no Python kernel for the submission could be started

A submission that is merely wrong is no error: it is graded, and gets few points.
"""

from __future__ import annotations

from lab.errors import LabError


class GraderError(LabError):
    """Grading is not possible; the message says why, the hint what to do."""


class NoSuchExercise(GraderError):
    """There is no exercise of that name."""


class BadExercise(GraderError):
    """An exercise contradicts itself; only its author can mend it."""


class BadSubmission(GraderError):
    """The file is no notebook, or not one of this exercise."""


class EngineUnreachable(GraderError):
    """No engine answers, or one that cannot tell what the checks need to know."""


class NotTheLabs(EngineUnreachable):
    """A Docker Engine answers that knows nothing of accounts, of points, of how an image came about."""


class KernelFailed(GraderError):
    """The process that is to run a submission's cells did not start."""
