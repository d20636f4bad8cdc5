"""One request for the page, as its views see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.registry.page.html import Html, tag
from lab.registry.page.session import Session
from lab.registry.page.words import WORDS

if TYPE_CHECKING:
    from lab.registry.hub import Hub


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks for what: `query` and `form` hold the request's parameters, by name."""

    hub: Hub
    session: Session
    language: str
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def account(self) -> str:
        return self.session.account

    def say(self, key: str, **values: str) -> str:
        """Return words in the visitor's language."""
        return WORDS[self.language][key].format(**values)

    def proof(self) -> Html:
        """Return the hidden field that every form has."""
        return tag("input", type="hidden", name="proof", value=self.session.form_token)


class Refusal(Exception):
    """The visitor cannot have this: HTTP status, and the key of words that say why."""

    def __init__(self, status: int, key: str, **values: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values
