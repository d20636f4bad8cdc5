"""How the arguments of one instruction are cut out of its line.

Every function takes text in which continuation lines are already joined.  Quotes and escapes
stay in the words: variables are put in later (`expand.py`), and quotes are dropped there.

Source: Dockerfile reference, and the behaviour of Docker's parser.  Errors are BuildErrors
without a line; the parser, which knows it, adds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from lab.build.golang import WHITESPACE, is_space, quote, scalar
from lab.errors import BuildError

_BLANKS = re.compile(r"[\t\v\f\r ]+")

NOT_STRINGS = "when using JSON array syntax, arrays must be comprised of strings only"

Arguments = tuple[list[str], bool]
"""The arguments, and whether they were written as a JSON array."""


def split_command(line: str) -> tuple[str, list[str], str]:
    """Return the keyword in lower case, its `--flags`, and the rest of the line."""
    keyword, *rest = _BLANKS.split(line.strip(WHITESPACE), maxsplit=1)
    flags, arguments = _split_flags(rest[0] if rest else "")
    return keyword.lower(), flags, arguments.strip(WHITESPACE)


def _split_flags(text: str) -> tuple[list[str], str]:
    """Cut leading words that start with `--`; in them, and only there, quotes are dropped."""
    flags: list[str] = []
    at = 0
    while True:
        while is_space(text[at : at + 1]):
            at += 1
        if not text.startswith("--", at):
            return flags, text[at:]
        word, at = _flag_word(text, at)
        if word == "--":
            return flags, text[at:]
        flags.append(word)


def _flag_word(text: str, at: int) -> tuple[str, int]:
    word = ""
    quoted_by = ""
    while at < len(text) and (quoted_by or not is_space(text[at])):
        char = text[at]
        at += 1
        if char == quoted_by:
            quoted_by = ""
        elif not quoted_by and char in "'\"":
            quoted_by = char
        elif char == "\\":
            word += text[at : at + 1]
            at += 1
        else:
            word += char
    return word, at


def words(text: str, escape: str) -> list[str]:
    """Split at white space that is neither quoted nor escaped; quotes and escapes are kept."""
    found: list[str] = []
    at = 0
    while True:
        while is_space(text[at : at + 1]):
            at += 1
        if at >= len(text):
            return found
        word, at = _word(text, at, escape)
        if word:
            found.append(word)


def _word(text: str, at: int, escape: str) -> tuple[str, int]:
    word = ""
    quoted_by = ""
    while at < len(text) and (quoted_by or not is_space(text[at])):
        char = text[at]
        at += 1
        if char == escape and quoted_by != "'":
            if at == len(text):
                break
            char += text[at]
            at += 1
        elif char == quoted_by:
            quoted_by = ""
        elif not quoted_by and char in "'\"":
            quoted_by = char
        word += char
    return word, at


def name_values(text: str, escape: str, keyword: str) -> Arguments:
    """Return names and values in turn, from `a=1 b=2` or from the old form `a 1`."""
    pairs = words(text, escape)
    if pairs and "=" not in pairs[0]:
        old = _BLANKS.split(text, maxsplit=1)
        if len(old) < 2:
            raise BuildError(f"{keyword} must have two arguments")
        return old, False
    arguments: list[str] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise BuildError(
                f"Syntax error - can't find = in {quote(pair)}. Must be of the form: name=value"
            )
        arguments += [name, value]
    return arguments, False


def blank_separated(text: str, escape: str) -> Arguments:
    """Split at blanks, whatever is quoted."""
    return (_BLANKS.split(text) if text else []), False


def separate_words(text: str, escape: str) -> Arguments:
    """Split at white space that is not quoted."""
    return words(text, escape), False


def whole(text: str, escape: str) -> Arguments:
    """Take the rest of the line as one argument."""
    return ([text] if text else []), False


def json_or_whole(text: str, escape: str) -> Arguments:
    """Take a JSON array of strings for what it is, anything else as one argument."""
    array = _json_array(text)
    return whole(text, escape) if array is None else (array, True)


def json_or_separated(text: str, escape: str) -> Arguments:
    """Take a JSON array of strings for what it is, and split anything else at blanks."""
    array = _json_array(text)
    return blank_separated(text, escape) if array is None else (array, True)


def health_check(text: str, escape: str) -> Arguments:
    """Return the kind of check, `CMD` or `NONE`, and the command like one of RUN."""
    kind, *rest = _BLANKS.split(text, maxsplit=1)
    command, is_json = json_or_whole(rest[0] if rest else "", escape)
    return [word for word in (kind, *command) if word], is_json


def ignored(text: str, escape: str) -> Arguments:
    """Cut nothing; for keywords that are refused afterwards."""
    return [], False


def environment(text: str, escape: str) -> Arguments:
    """The arguments of ENV."""
    return name_values(text, escape, "ENV")


def labels(text: str, escape: str) -> Arguments:
    """The arguments of LABEL."""
    return name_values(text, escape, "LABEL")


CUTTERS: dict[str, Callable[[str, str], Arguments]] = {
    "add": json_or_separated,
    "arg": separate_words,
    "cmd": json_or_whole,
    "copy": json_or_separated,
    "entrypoint": json_or_whole,
    "env": environment,
    "expose": blank_separated,
    "from": blank_separated,
    "healthcheck": health_check,
    "label": labels,
    "maintainer": whole,
    "onbuild": whole,
    "run": json_or_whole,
    "shell": json_or_whole,
    "stopsignal": whole,
    "user": whole,
    "volume": json_or_separated,
    "workdir": whole,
}
"""How each instruction's arguments are cut; a keyword that is not here has none."""


def _json_array(text: str) -> list[str] | None:
    """Return the array of strings that `text` starts with; None if it starts with none.

    What follows the array is ignored, as Docker does.  Raises BuildError for an array that
    holds anything but strings.
    """
    if not text.startswith("["):
        return None
    try:
        array, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in array):
        raise BuildError(NOT_STRINGS)
    return [scalar(item) for item in array]


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
