"""Who is looking at the page: a signed cookie, and a token in every form that proves its origin.

The cookie is COOKIE=PAYLOAD.SIGNATURE; it says the account (empty: nobody signed in) and until
when it holds.  A form's token is the cookie signed for another purpose, so another site can know
neither.  Source: OWASP, "Cross-Site Request Forgery Prevention", signed double-submit cookie.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

COOKIE = "lab_hub"
LIFETIME = 12 * 3600
"""Seconds that one stays signed in."""


@dataclass(frozen=True, slots=True)
class Session:
    """`account` is empty for somebody unknown; `cookie` is what the browser is to send back."""

    account: str
    cookie: str
    form_token: str


class Sessions:
    """Makes sessions and recognizes them; `key` is the Hub's own."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, account: str, now: float) -> Session:
        """Return a new session, from `now` (seconds since the epoch) on."""
        payload = {"account": account, "until": int(now) + LIFETIME, "id": secrets.token_hex(8)}
        text = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
        return self._session(account, f"{text}.{self._sign('cookie', text)}")

    def read(self, cookie: str, now: float) -> Session | None:
        """Return the session of a cookie; None if it is forged, malformed, or has run out."""
        text, _, signature = cookie.rpartition(".")
        if not _same(signature, self._sign("cookie", text)):
            return None
        # what carries our signature was written by `make`
        payload = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return self._session(payload["account"], cookie) if now < payload["until"] else None

    def _session(self, account: str, cookie: str) -> Session:
        return Session(account, cookie, self._sign("form", cookie))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def is_from_form(session: Session, token: str) -> bool:
    """Tell whether a form's token belongs to the session."""
    return _same(token, session.form_token)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
