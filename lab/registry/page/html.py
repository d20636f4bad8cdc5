"""HTML in which nothing is taken for markup that was not written as markup here."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is markup already; only this module and its callers' literals make it."""

    __slots__ = ()


Child = str | None
Attribute = str | bool | None

NOTHING = Html("")

_VOID = ("input", "meta", "link")


def tag(element: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.  Children that are not Html are escaped, and None is left out.

    `class_` stands for the attribute class; True is an attribute without a value, False none.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in _VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{join(*children)}</{element}>")


def join(*children: Child) -> Html:
    """Return the children one after the other."""
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(child)
            for child in children
            if child is not None
        )
    )
