"""The pages: all repositories, one repository, one tag, and the forms to sign in and up."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from lab.errors import InvalidParameter
from lab.registry import names
from lab.registry.errors import Refused
from lab.registry.names import Repository
from lab.registry.page import contents
from lab.registry.page.contents import Detail, Shown
from lab.registry.page.frame import code, facts, page, table
from lab.registry.page.html import NOTHING, Html, join, tag
from lab.registry.page.visit import Refusal, Visit
from lab.registry.rights import Action

_DIGEST_SHOWN = 19
_UNITS = ("B", "kB", "MB", "GB")


def home(visit: Visit) -> Html:
    """All that the visitor may see, or what the search finds of it."""
    wanted = visit.query.get("q", "").strip().lower()
    found = contents.repositories(visit.hub, visit.account, wanted)
    if wanted:
        heading = visit.say("found", wanted=wanted)
        rest = _cards(visit, found) if found else tag("p", visit.say("nothing"))
        return page(visit, wanted, tag("h1", heading), rest)
    mine = [each for each in found if _is_owner(visit, each.path)]
    official = [each for each in found if each.official]
    others = [each for each in found if each not in official and each not in mine]
    return page(
        visit,
        "",
        tag("h1", visit.say("title")),
        tag("p", visit.say("lead"), class_="lead"),
        _section(visit, "yours", mine, _first_push(visit)) if visit.account else None,
        _section(visit, "official-images", official),
        _section(visit, "others", others),
    )


def repository(visit: Visit) -> Html:
    """One repository, or one of its tags."""
    name = readable(visit)
    shown = contents.shown(visit.hub, name)
    asked = visit.query.get("tag", "")
    if asked:
        return _tag_page(visit, shown, asked)
    rows = [_tag_row(visit, shown, each) for each in contents.details(visit.hub, name)]
    heads = ("tag", "digest", "platform", "size")
    return page(
        visit,
        shown.name,
        _headline(visit, shown),
        tag("p", shown.about, class_="lead") if shown.about else None,
        code(f"docker pull {shown.name}"),
        _visibility(visit, shown) if _is_owner(visit, name) else None,
        tag("h2", visit.say("tags")),
        table([visit.say(head) for head in heads] + [""], rows),
    )


def sign_in(visit: Visit, problem: str = "") -> Html:
    other = tag("p", visit.say("to-sign-up"), " ", _link("sign-up", visit.say("sign-up")))
    return _account_form(visit, "sign-in", problem, False, other)


def sign_up(visit: Visit, problem: str = "") -> Html:
    other = tag("p", visit.say("to-sign-in"), " ", _link("sign-in", visit.say("sign-in")))
    return _account_form(visit, "sign-up", problem, True, other)


def refusal(visit: Visit, error: Refusal) -> Html:
    """Say why the visitor cannot have something."""
    return page(
        visit,
        visit.say("error"),
        tag("h1", visit.say("error")),
        tag("p", visit.say(error.key, **error.values), role="alert"),
        tag("p", _link("./", visit.say("home"))),
    )


def readable(visit: Visit) -> Repository:
    """Return the repository that the request names, if the visitor may see it; Refusal."""
    text = visit.query.get("name") or visit.form.get("name", "")
    try:
        name = names.repository(text)
    except Refused:
        raise Refusal(404, "unknown") from None
    known = visit.hub.source(name).exists(name)
    if not known or Action.PULL not in visit.hub.rights.of(visit.account, name):
        raise Refusal(404, "unknown")
    return name


def address(name: str, **more: str) -> str:
    """Return the relative address of a repository's page."""
    return f"repository?{urlencode({'name': name, **more})}"


def _is_owner(visit: Visit, name: Repository) -> bool:
    return Action.DELETE in visit.hub.rights.of(visit.account, name)


def _section(
    visit: Visit, key: str, found: list[Shown], otherwise: Html | None = None
) -> Html | None:
    if not found and otherwise is None:
        return None
    inner = _cards(visit, found) if found else otherwise
    return tag("section", tag("h2", visit.say(key)), inner)


def _first_push(visit: Visit) -> Html:
    lines = f"docker tag nginx {visit.account}/web\ndocker push {visit.account}/web"
    return join(tag("p", visit.say("none-yet")), code(lines))


def _cards(visit: Visit, found: Iterable[Shown]) -> Html:
    return tag("ul", *(_card(visit, each) for each in found), class_="cards")


def _card(visit: Visit, shown: Shown) -> Html:
    count = visit.say("one") if shown.tags == 1 else visit.say("count", count=str(shown.tags))
    return tag(
        "li",
        tag("h3", _link(address(shown.path), shown.name), _badges(visit, shown)),
        tag("p", shown.about) if shown.about else None,
        tag("p", count, class_="small"),
    )


def _badges(visit: Visit, shown: Shown) -> Html | None:
    if shown.official:
        return tag("span", visit.say("official"), class_="badge official")
    kind = "private" if shown.private else "public"
    return tag("span", visit.say(kind), class_=f"badge {kind}")


def _headline(visit: Visit, shown: Shown, tag_name: str = "") -> Html:
    title = f"{shown.name}:{tag_name}" if tag_name else shown.name
    return tag("h1", title, " ", _badges(visit, shown))


def _visibility(visit: Visit, shown: Shown) -> Html:
    return tag(
        "form",
        visit.proof(),
        tag("input", type="hidden", name="name", value=shown.path),
        tag("input", type="hidden", name="private", value="" if shown.private else "1"),
        tag("button", visit.say("make-public" if shown.private else "make-private")),
        method="post",
        action="visibility",
    )


def _tag_row(visit: Visit, shown: Shown, each: Detail) -> list[Html]:
    label = visit.say("delete-tag", tag=each.tag)
    remove = tag(
        "form",
        visit.proof(),
        tag("input", type="hidden", name="name", value=shown.path),
        tag("input", type="hidden", name="tag", value=each.tag),
        tag("button", visit.say("delete"), class_="danger", aria_label=label),
        method="post",
        action="delete-tag",
    )
    return [
        _link(address(shown.path, tag=each.tag), each.tag),
        tag("code", each.digest[:_DIGEST_SHOWN], title=each.digest),
        join(", ".join(each.platforms)),
        join(size(each.size) if each.size else ""),
        remove if _is_owner(visit, shown.path) else NOTHING,
    ]


def _tag_page(visit: Visit, shown: Shown, asked: str) -> Html:
    try:
        reference = names.tag_or_digest(asked)
        if not isinstance(reference, str):
            raise Refusal(404, "unknown")
        found = contents.detail(visit.hub, shown.path, reference)
    except (Refused, InvalidParameter, OSError):
        raise Refusal(404, "unknown") from None
    rows = [
        [
            join(str(number)),
            tag("code", row.text, class_="step"),
            join(visit.say("no-layer") if row.size is None else size(row.size)),
            tag("code", row.digest[:_DIGEST_SHOWN], title=row.digest),
        ]
        for number, row in enumerate(found.layers, 1)
    ]
    heads = ["#", visit.say("step"), visit.say("size"), visit.say("digest")]
    return page(
        visit,
        f"{shown.name}:{found.tag}",
        _headline(visit, shown, found.tag),
        code(f"docker pull {shown.name}:{found.tag}"),
        facts(_facts(visit, found)),
        join(tag("h2", visit.say("layers")), table(heads, rows))
        if rows
        else tag("p", visit.say("index") if len(found.platforms) != 1 else ""),
        tag("p", _link(address(shown.path), visit.say("all-tags"))),
    )


def _facts(visit: Visit, found: Detail) -> list[tuple[str, str]]:
    config = found.config
    known = [
        ("digest", found.digest),
        ("platform", ", ".join(found.platforms)),
        ("size", size(found.size) if found.size else ""),
        ("created", found.created.partition(".")[0].replace("T", " ").rstrip("Z")),
        ("entrypoint", " ".join(config.entrypoint or ()) if config else ""),
        ("command", " ".join(config.cmd or ()) if config else ""),
        ("ports", ", ".join(config.exposed_ports) if config else ""),
        ("volumes", ", ".join(config.volumes) if config else ""),
    ]
    return [(visit.say(key), value) for key, value in known if value]


def _account_form(visit: Visit, kind: str, problem: str, twice: bool, other: Html) -> Html:
    new = "new-password" if twice else "current-password"
    rules = {"pattern": "[a-z0-9]{4,30}", "title": visit.say("rules")} if twice else {}
    return page(
        visit,
        visit.say(kind),
        tag("h1", visit.say(kind)),
        tag("p", problem, role="alert", class_="problem") if problem else None,
        tag(
            "form",
            visit.proof(),
            _field(visit, "name", "text", "username", visit.form.get("name", ""), **rules),
            _field(visit, "password", "password", new),
            _field(visit, "again", "password", new) if twice else None,
            tag("button", visit.say(kind), class_="primary"),
            method="post",
            action=kind,
            class_="account",
        ),
        tag("p", visit.say("then"), class_="small"),
        other,
    )


def _field(
    visit: Visit, key: str, kind: str, autocomplete: str, value: str = "", **more: str
) -> Html:
    field = tag(
        "input",
        type=kind,
        name=key,
        value=value,
        autocomplete=autocomplete,
        required=True,
        autocapitalize="none",
        **more,
    )
    return tag("label", visit.say(key), field)


def _link(target: str, text: str) -> Html:
    return tag("a", text, href=target)


def size(count: int) -> str:
    """Return bytes as the docker CLI shows them: in thousands, four digits."""
    value, units = float(count), list(_UNITS)
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.4g}{units[0]}"
