"""The page's table of paths, and what every request to it passes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from lab.registry.page import forms, views
from lab.registry.page.forms import Done
from lab.registry.page.html import Html
from lab.registry.page.session import COOKIE, LIFETIME, Sessions, is_from_form
from lab.registry.page.visit import Refusal, Visit
from lab.registry.page.words import LANGUAGES, preferred

if TYPE_CHECKING:
    from lab.registry.hub import Hub

PREFIX = "X-Forwarded-Prefix"
"""The header in which a proxy tells below which path the browser sees the page."""

_LANGUAGE = "lab_hub_lang"
_YEAR = 365 * 24 * 3600
_STYLE = Path(__file__).with_name("style.css")
_FORM_BYTES = 16 << 10
_HEADERS = {
    # no script at all, so that no name can ever become one
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_PAGES: dict[str, Callable[[Visit], Html]] = {
    "": views.home,
    "repository": views.repository,
    "sign-in": views.sign_in,
    "sign-up": views.sign_up,
}
_FORMS: dict[str, Callable[[Visit], Done]] = {
    "sign-in": forms.sign_in,
    "sign-up": forms.sign_up,
    "sign-out": forms.sign_out,
    "visibility": forms.set_visibility,
    "delete-tag": forms.delete_tag,
}


class Site:
    """Answers requests for the page of one Hub."""

    def __init__(self, hub: Hub, key: bytes) -> None:
        self._hub = hub
        self._sessions = Sessions(key)

    async def answer(self, request: web.Request, path: str) -> web.Response:
        """Return the answer; `path` is what follows the page's own address."""
        if path == "style.css":
            return web.Response(text=_STYLE.read_text(), content_type="text/css", headers=_HEADERS)
        form: dict[str, str] = {}
        if request.method == "POST":
            if (request.content_length or 0) > _FORM_BYTES:
                raise web.HTTPRequestEntityTooLarge(_FORM_BYTES, request.content_length or 0)
            form = {key: str(value) for key, value in (await request.post()).items()}
        visit = self._visit(request, form)
        done = await asyncio.to_thread(self._serve, request, visit, path)
        return self._response(request, visit, done)

    def _visit(self, request: web.Request, form: dict[str, str]) -> Visit:
        now = time.time()
        session = self._sessions.read(request.cookies.get(COOKIE, ""), now)
        if session is None or (session.account and not self._hub.accounts.exists(session.account)):
            session = self._sessions.make("", now)
        asked = request.query.get("lang") or request.cookies.get(_LANGUAGE, "")
        language = (
            asked if asked in LANGUAGES else preferred(request.headers.get("Accept-Language", ""))
        )
        return Visit(self._hub, session, language, dict(request.query), form)

    def _serve(self, request: web.Request, visit: Visit, path: str) -> Done:
        try:
            if request.method == "POST" and path in _FORMS:
                self._check(request, visit)
                return _FORMS[path](visit)
            if request.method in ("GET", "HEAD") and path in _PAGES:
                return Done(_PAGES[path](visit))
            raise Refusal(404, "unknown")
        except Refusal as error:
            return Done(views.refusal(visit, error), error.status)

    def _check(self, request: web.Request, visit: Visit) -> None:
        """Refuse a form that another site sent in the visitor's name."""
        foreign = request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
        if foreign or not is_from_form(visit.session, visit.form.get("proof", "")):
            raise Refusal(403, "stale")

    def _response(self, request: web.Request, visit: Visit, done: Done) -> web.Response:
        session = visit.session
        if done.account is not None:
            session = self._sessions.make(done.account, time.time())
        headers = dict(_HEADERS)
        if done.target:
            headers["Location"] = done.target
        response = web.Response(
            text=done.html, status=done.status, content_type="text/html", headers=headers
        )
        path = f"{request.headers.get(PREFIX, '').rstrip('/')}/"
        response.set_cookie(
            COOKIE, session.cookie, max_age=LIFETIME, path=path, httponly=True, samesite="Strict"
        )
        if "lang" in visit.query:
            response.set_cookie(
                _LANGUAGE, visit.language, max_age=_YEAR, path=path, samesite="Strict"
            )
        return response
