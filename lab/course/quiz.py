"""Questions as a learner meets them: what is shown, whether an answer is right, what is told then.

An answer is, by the question's kind: the number of an option (choice), numbers of options
(several), numbers of all options in an order (order), a typed text (text).
"""

from __future__ import annotations

import random
import re
from dataclasses import asdict
from typing import Any

from lab.course.lesson import Question
from lab.errors import InvalidParameter

Json = dict[str, Any]

_PROMPT = re.compile(r"^(?:[$!]\s*)+")


def shown(question: Question) -> Json:
    """Return what may be shown before an answer: nothing in it tells the right one."""
    return {
        "kind": question.kind,
        "question": asdict(question.question),
        "options": [asdict(option.text) for option in question.options],
        "start": shuffled(question) if question.kind == "order" else [],
        "covers": list(question.covers),
    }


def solution(question: Question) -> Json:
    """Return what is told once the question is answered: the right options, and why."""
    right = [number for number, option in enumerate(question.options) if option.right]
    if question.kind == "order":
        right = list(range(len(question.options)))
    return {"right": right, "answer": question.answer, "because": asdict(question.because)}


def is_right(question: Question, answer: Any) -> bool:
    """Say whether an answer is the right one.  Raises InvalidParameter if it is none at all."""
    if question.kind == "text":
        if not isinstance(answer, str):
            raise InvalidParameter(f"not a text: {answer!r}")
        said = normal(answer)
        return any(re.fullmatch(each, said, re.IGNORECASE) for each in question.accept)
    numbers = [answer] if question.kind == "choice" else answer
    known = range(len(question.options))
    if not isinstance(numbers, list) or not all(
        isinstance(number, int) and number in known for number in numbers
    ):
        raise InvalidParameter(f"no such options: {answer!r}")
    right: list[int] = solution(question)["right"]
    if question.kind == "order":
        return _in_order(question, numbers)
    return sorted(set(numbers)) == right


def _in_order(question: Question, numbers: list[int]) -> bool:
    """Say whether the steps are in order; steps of the same wording may change places."""
    wordings = [question.options[number].text for number in numbers]
    return wordings == [option.text for option in question.options]


def normal(typed: str) -> str:
    """Return a typed command without a prompt before it and with single blanks."""
    return " ".join(_PROMPT.sub("", typed.strip()).split())


def shuffled(question: Question) -> list[int]:
    """Return the options' numbers in an order that is not the right one, always the same."""
    numbers = list(range(len(question.options)))
    random.Random(question.key).shuffle(numbers)
    return numbers if numbers != sorted(numbers) else numbers[::-1]
