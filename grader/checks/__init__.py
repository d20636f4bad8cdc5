"""The words in which an exercise says what must be true.

An exercise's file in `exercises/checks/` has `TASKS`, a tuple of `Task`.  The function of a task
finds the things that it is about, each maybe absent, and yields a `Check` for each question:

    def run(evidence):
        web = container.of(dockerfile.built(evidence, "ann/site"))
        yield Check(1, container.is_running(web))
        yield Check(2, network.publishes(web, 80))

A question about something absent is answered with no, and with a hint how to get it.

    dockerfile   what a Dockerfile made, and from which base
    image        what is in an image
    container    what runs, and what it has changed
    network      what is published, and what answers there
    steps        what happened: pushes, and in which order
"""

from grader.checks import container, dockerfile, image, network, steps
from grader.evidence import Evidence
from grader.results import Check, Checks, Finding, Task, all_of
from grader.texts import Text

__all__ = [
    "Check",
    "Checks",
    "Evidence",
    "Finding",
    "Task",
    "Text",
    "all_of",
    "container",
    "dockerfile",
    "image",
    "network",
    "steps",
]
