"""Putting variables into a word, and dropping its quotes and escapes, as a shell would.

    $name ${name}        the value, or nothing
    ${name:-word}        word if the variable is unset or empty; without the colon: if unset
    ${name:+word}        word if it is set and not empty; without the colon: if set
    ${name:?word}        an error with this text if it is unset or empty
    ${name#pattern}      the value without the shortest leading match, `##` the longest
    ${name%pattern}      the value without the shortest trailing match, `%%` the longest
    ${name/pattern/new}  the value with the first match replaced, `//` every match

Source: Dockerfile reference, section Environment replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lab.build.golang import is_space, quote
from lab.errors import BuildError

MAX_RESULT = 128 * 1024
"""Characters of one word; Linux takes no longer argument or variable (MAX_ARG_STRLEN)."""

_SPECIAL = "@*#?-$!"


def expand(word: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Return `word` as one string; BuildError, in Docker's words, if it is malformed."""
    return _process(word, variables, escape)[0]


def expand_words(word: str, variables: Mapping[str, str], escape: str = "\\") -> list[str]:
    """Return the words that `word` becomes: it is split after variables are put in."""
    return _process(word, variables, escape)[1]


def expand_text(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Return the text of a here-document with variables put in; quotes and escapes stay."""
    return _process(text, variables, escape, raw=True)[0]


def _process(
    word: str, variables: Mapping[str, str], escape: str, raw: bool = False
) -> tuple[str, list[str]]:
    try:
        return _Scanner(word, variables, escape, raw).until("", keep_escapes=raw)
    except BuildError as error:
        reason = error.message
    except RecursionError:
        reason = "substitutions are nested too deeply"
    raise BuildError(f"failed to process {quote(word)}: {reason}")


class _Words:
    """Collects characters into words; only unquoted white space ends one."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._word = ""

    def add(self, text: str) -> None:
        for char in text:
            if not is_space(char):
                self._word += char
            elif self._word:
                self._found.append(self._word)
                self._word = ""

    def add_quoted(self, text: str) -> None:
        self._word += text

    def finished(self) -> list[str]:
        return [*self._found, self._word] if self._word else self._found


class _Scanner:
    """Reads the word from left to right."""

    def __init__(
        self, text: str, variables: Mapping[str, str], escape: str, raw: bool = False
    ) -> None:
        self._text = text
        self._raw = raw
        self._at = 0
        self._variables = variables
        self._escape = escape

    def until(self, stop: str, keep_escapes: bool = False) -> tuple[str, list[str]]:
        """Process up to the character `stop`, or, where that is empty, to the end."""
        result = ""
        words = _Words()
        special = {"'": self._single_quoted, '"': self._double_quoted, "$": self._dollar}
        if self._raw and not stop:
            special = {"$": self._dollar}
        while char := self._next():
            if char == stop:
                return result, words.finished()
            if char in special:
                text = special[char]()
                (words.add if char == "$" else words.add_quoted)(text)
            elif char == self._escape:
                text = self._next()
                words.add_quoted(text)
                text = char + text if keep_escapes else text
            else:
                text = char
                words.add(char)
            result = _bounded(result + text)
        if stop:
            raise BuildError(f"syntax error: missing '{stop}'{' in ${}' if stop == '/' else ''}")
        return result, words.finished()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise BuildError("unexpected end of statement while looking for matching single-quote")
        start, self._at = self._at, end + 1
        return self._text[start:end]

    def _double_quoted(self) -> str:
        result = ""
        while (char := self._next()) != '"':
            if not char:
                raise BuildError(
                    "unexpected end of statement while looking for matching double-quote"
                )
            if char == "$":
                result = _bounded(result + self._dollar())
                continue
            if char == self._escape:
                if not self._peek():
                    continue
                if self._peek() in ('"', "$", self._escape):
                    char = self._next()
            result += char
        return result

    def _dollar(self) -> str:
        if self._peek() != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._at += 1
        if not self._peek():
            raise BuildError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise BuildError("syntax error: bad substitution")
        return self._substitution(self._name())

    def _name(self) -> str:
        first = self._peek()
        if first and first in _SPECIAL:
            return self._next()
        wanted: Callable[[str], bool] = str.isdecimal if first.isdecimal() else _in_name
        start = self._at
        while (char := self._peek()) and wanted(char):
            self._at += 1
        return self._text[start : self._at]

    def _substitution(self, name: str) -> str:
        value = self._variables.get(name)
        operator = self._next()
        if operator == "}":
            return value or ""
        if operator == "/":
            return self._replacement(value or "")
        colon = operator == ":"
        if colon:
            operator = self._next()
        if not operator:
            raise BuildError("syntax error: missing '}'")
        if operator in "-+?":
            word, _ = self.until("}")
            return _conditional(name, value, operator, word, colon)
        if operator in "#%" and not colon:
            pattern, _ = self.until("}", keep_escapes=True)
            return _trimmed(value or "", operator, pattern)
        raise BuildError(f"unsupported modifier ({':' if colon else ''}{operator}) in substitution")

    def _replacement(self, value: str) -> str:
        everywhere = self._peek() == "/"
        self._at += everywhere
        pattern, _ = self.until("/", keep_escapes=True)
        new, _ = self.until("}", keep_escapes=True)
        found = re.compile(_shell_pattern(pattern, greedy=True), re.DOTALL)
        return found.sub(lambda _: new, value, count=0 if everywhere else 1)


def _bounded(result: str) -> str:
    if len(result) > MAX_RESULT:
        raise BuildError(f"the result is longer than {MAX_RESULT} characters")
    return result


def _in_name(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char == "_"


def _conditional(name: str, value: str | None, operator: str, word: str, colon: bool) -> str:
    missing = value is None or (colon and not value)
    if operator == "-":
        return word if missing else value or ""
    if operator == "+":
        return "" if missing else word
    if missing:
        reason = "is not allowed to be " + ("unset" if value is None else "empty")
        raise BuildError(f"{name}: {word or reason}")
    return value or ""


def _trimmed(value: str, operator: str, pattern: str) -> str:
    greedy = pattern.startswith(operator)
    expression = _shell_pattern(pattern[greedy:], greedy=greedy)
    if operator == "#":
        found = re.match(expression, value, re.DOTALL)
        return value[found.end() :] if found else value
    # the starts of trailing matches, from the right for the shortest, from the left else
    starts = range(len(value) + 1) if greedy else range(len(value), -1, -1)
    for start in starts:
        if re.fullmatch(expression, value[start:], re.DOTALL):
            return value[:start]
    return value


def _shell_pattern(pattern: str, greedy: bool) -> str:
    """Translate `*`, `?` and escapes into a regular expression; brackets mean themselves.

    All stars but the last take as little as they can, and never reconsider: that finds every
    match, and costs no exponential time.
    """
    pieces = [""]
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            pieces.append("")
        elif char == "?":
            pieces[-1] += "."
        else:
            plain = _escaped(pattern, next(chars, "")) if char == "\\" else char
            pieces[-1] += re.escape(plain)
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    star = ".*" if greedy else ".*?"
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + star + last


def _escaped(pattern: str, char: str) -> str:
    if char not in ("*", "?", "\\", "}", "/"):
        raise BuildError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{char}'")
    return char
