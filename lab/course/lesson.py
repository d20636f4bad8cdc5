"""What a lesson asks: predictions before a command is run, and a quiz at its end.

Every text is there in both languages; `code` in a text stands between backticks.
"""

from __future__ import annotations

from dataclasses import dataclass

LESSONS = (
    "00_start_here",
    "01_virtual_machines_and_containers",
    "02_first_container",
    "03_architecture",
    "04_images_and_layers",
    "05_dockerfile_and_build",
    "06_namespaces_and_cgroups",
    "07_managing_containers",
    "08_networks",
    "09_volumes",
    "10_registries",
    "11_the_whole_loop",
    "12_trouble",
)
"""The lessons of the course, in the order in which they are taken."""

CONCEPTS = tuple(f"C{number:02}" for number in range(1, 28))
COMMANDS = tuple(f"K{number:02}" for number in range(1, 17))
ROWS = CONCEPTS + COMMANDS
"""The rows of the syllabus: what the course promises to teach."""

KINDS = ("choice", "several", "order", "text")
"""Kinds of questions: one right option, all right ones, options to be ordered, a typed answer."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    en: str
    ko: str


@dataclass(frozen=True, slots=True)
class Option:
    """Something that may be chosen; of a question of order, a step, whose `right` means nothing."""

    text: Text
    right: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question, why its answer is the right one, and what it is about.

    A prediction is a question of kind `choice` without a hint.  The options of kind `order` stand
    in the right order; `accept` are regular expressions for kind `text`, and `answer` is one that
    they accept, to be told to who asks (empty: `because` has to do).
    """

    key: str
    kind: str
    question: Text
    because: Text
    covers: tuple[str, ...]
    options: tuple[Option, ...] = ()
    accept: tuple[str, ...] = ()
    answer: str = ""
    hint: Text = Text("", "")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson: how it is called, how long it takes, and what it asks; questions by their keys."""

    name: str
    title: Text
    about: Text
    minutes: int
    predictions: dict[str, Question]
    quiz: dict[str, Question]
