"""What the page's forms do.  Their origin has been proved when they are called."""

from __future__ import annotations

from dataclasses import dataclass

from lab.errors import Conflict, InvalidParameter
from lab.registry import names
from lab.registry.accounts import check_account_name
from lab.registry.errors import Refused
from lab.registry.names import Repository
from lab.registry.page import views
from lab.registry.page.html import NOTHING, Html
from lab.registry.page.visit import Refusal, Visit
from lab.registry.rights import Action


@dataclass(frozen=True, slots=True)
class Done:
    """What is answered: a page, or where to go on (`target`, relative).

    `account` is who is signed in from now on, empty for nobody; None leaves that as it is.
    """

    html: Html = NOTHING
    status: int = 200
    target: str = ""
    account: str | None = None


def sign_in(visit: Visit) -> Done:
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    if not visit.hub.accounts.verify(name, password):
        return Done(views.sign_in(visit, visit.say("wrong")), 403)
    return Done(status=303, target="./", account=name)


def sign_up(visit: Visit) -> Done:
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    problem = _sign_up(visit, name, password)
    if problem:
        return Done(views.sign_up(visit, problem), 400)
    return Done(status=303, target="./", account=name)


def _sign_up(visit: Visit, name: str, password: str) -> str:
    """Make the account; return what is wrong, empty if nothing is."""
    try:
        check_account_name(name)
    except InvalidParameter:
        return visit.say("bad-name", name=name)
    if password != visit.form.get("again", ""):
        return visit.say("differ")
    try:
        visit.hub.accounts.add(name, password)
    except Conflict:
        return visit.say("taken", name=name)
    except InvalidParameter:
        return visit.say("bad-password")
    return ""


def sign_out(visit: Visit) -> Done:
    return Done(status=303, target="./", account="")


def set_visibility(visit: Visit) -> Done:
    name = _owned(visit)
    visit.hub.rights.set_private(name, bool(visit.form.get("private")))
    return Done(status=303, target=views.address(name))


def delete_tag(visit: Visit) -> Done:
    """Take the tag away; the image stays, and can be pulled by its digest."""
    name = _owned(visit)
    try:
        reference = names.tag_or_digest(visit.form.get("tag", ""))
        if not isinstance(reference, str):
            raise Refusal(404, "unknown")
        visit.hub.storage.delete_manifest(name, reference)
    except Refused:
        raise Refusal(404, "unknown") from None
    return Done(status=303, target=views.address(name))


def _owned(visit: Visit) -> Repository:
    name = views.readable(visit)
    if Action.DELETE not in visit.hub.rights.of(visit.account, name):
        raise Refusal(403, "forbidden")
    return name
