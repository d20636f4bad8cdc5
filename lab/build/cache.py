"""The build cache: whether a step was already done, and if not, what is different.

An image that a step made is found again among the children of the image before it, by a key of
everything that the step depends on: the command as the history notes it (for COPY with the
checksums of the files), and the settings.  Once a step misses, all later ones do.

The record of a step is kept with its image, so that a later miss can say which file changed.

Source: Docker, build cache; the reasons are ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab.oci import fields
from lab.oci.fields import Json
from lab.oci.image_config import ContainerConfig

MAX_FILES = 5000
"""With more files than this in one COPY, the record does not list them."""

_MAX_DIFFERENCES = 50


@dataclass(frozen=True, slots=True)
class StepRecord:
    """How an image was made: `text` from the Dockerfile, `created_by` as in the history.

    `key` stands for all that the step depends on; `files` are path and checksum of what a COPY
    copied, unless there were more than MAX_FILES; `file_count` is how many there were.
    """

    text: str
    created_by: str
    key: str
    files: Mapping[str, str] = field(default_factory=dict)
    file_count: int = 0

    @classmethod
    def of(
        cls,
        text: str,
        command: Sequence[str],
        config: ContainerConfig,
        files: Mapping[str, str] | None = None,
    ) -> StepRecord:
        """Return the record of a step that runs `command` and leaves the settings `config`."""
        files = files or {}
        inputs = [list(command), config.to_json(), sorted(files.items())]
        # surrogates stand for bytes of file names that are not UTF-8
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        listed = files if len(files) <= MAX_FILES else {}
        return cls(text, " ".join(command), key, listed, len(files))

    @classmethod
    def from_json(cls, source: Json) -> StepRecord:
        return cls(
            text=fields.text(source, "text"),
            created_by=fields.text(source, "created_by"),
            key=fields.text(source, "key"),
            files=fields.text_map(source, "files"),
            file_count=fields.integer(source, "file_count"),
        )

    def to_json(self) -> Json:
        return {
            "text": self.text,
            "created_by": self.created_by,
            "key": self.key,
            "files": dict(self.files),
            "file_count": self.file_count,
        }

    @property
    def lists_all(self) -> bool:
        """Whether `files` names every file."""
        return len(self.files) == self.file_count


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that some build made from the present one; `created` is RFC 3339."""

    image: str
    created: str
    record: StepRecord


class Reason(StrEnum):
    """Why a step was, or was not, taken from the cache."""

    HIT = "same instruction on the same parent"
    NO_CACHE = "cache switched off"
    PARENT = "parent changed"
    NEW = "never built on this parent"
    BASE = "base image changed"
    INSTRUCTION = "instruction changed"
    ARGS = "build arguments changed"
    INPUTS = "settings changed"
    FILES = "files changed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the cache said about one step.

    `details` are, by reason: the earlier base image (BASE) or instruction (INSTRUCTION); what is
    different about which argument, `VERSION changed` (ARGS); how the history notes the earlier
    one (INPUTS); what is different about which file, `app/x.py changed`, or nothing
    where there are too many to tell (FILES).  `image` is the image that was found.
    """

    step: int
    line: int
    text: str
    reason: Reason
    details: tuple[str, ...] = ()
    image: str = ""

    @property
    def hit(self) -> bool:
        """Whether the step was taken from the cache."""
        return self.reason is Reason.HIT


def find(record: StepRecord, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the newest candidate that the same step made, or None."""
    same = [candidate for candidate in candidates if candidate.record.key == record.key]
    return max(same, key=_age, default=None)


def explain(record: StepRecord, candidates: Sequence[Candidate]) -> tuple[Reason, tuple[str, ...]]:
    """Return why none of the candidates is the step's image, and the details."""
    if not candidates:
        return Reason.NEW, ()
    same_text = [each for each in candidates if each.record.text == record.text]
    if not same_text:
        return Reason.INSTRUCTION, (max(candidates, key=_age).record.text,)
    earlier = max(same_text, key=_age).record
    if not (record.lists_all and earlier.lists_all):
        return Reason.FILES, ()
    told = differences(earlier.files, record.files)
    if told:
        return Reason.FILES, told
    told = differences(_arguments(earlier.created_by), _arguments(record.created_by))
    return (Reason.ARGS, told) if told else (Reason.INPUTS, (earlier.created_by,))


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return `path changed`, `path added`, `path removed`, by path; the first fifty."""
    told = []
    for path in sorted({*before, *now}):
        if path not in now:
            told.append(f"{path} removed")
        elif path not in before:
            told.append(f"{path} added")
        elif before[path] != now[path]:
            told.append(f"{path} changed")
    return tuple(told[:_MAX_DIFFERENCES])


def _arguments(created_by: str) -> dict[str, str]:
    """Return the build arguments in a history's note of a RUN: `|2 A=1 B=2 /bin/sh -c ...`.

    A value with blanks is cut at the first one; that is enough to see that it changed, or is told
    as changed settings.
    """
    count, _, rest = created_by.removeprefix("|").partition(" ")
    if not created_by.startswith("|") or not count.isdecimal():
        return {}
    words = rest.split(" ")[: int(count)]
    return dict((name, value) for name, _, value in (word.partition("=") for word in words))


def _age(candidate: Candidate) -> str:
    return candidate.created
