"""Names in the Hub's URLs, parsed once: repositories, tags, digests."""

from __future__ import annotations

import re
from typing import NewType

from lab.errors import InvalidParameter
from lab.oci.digest import Digest
from lab.oci.reference import check_tag
from lab.registry.errors import Code, Refused

Repository = NewType("Repository", str)
"""A valid repository name such as `alice/web`: safe as a relative path; made by `repository`."""

Tag = NewType("Tag", str)
"""A valid tag: safe as a file name; made by `tag_or_digest`."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_MAX_REPOSITORY = 255
OFFICIAL = "library/"
"""Where official images live: the catalog's, and nobody may push there."""


def repository(text: str) -> Repository:
    """Return the repository name that `text` spells; Refused (NAME_INVALID) if it is none."""
    if len(text) > _MAX_REPOSITORY or not _REPOSITORY.fullmatch(text):
        raise Refused(Code.NAME_INVALID, detail={"name": text})
    return Repository(text)


def owner_of(name: str) -> str:
    """Return the account whose namespace `name` is in; empty for a name without a namespace."""
    owner, slash, _ = name.partition("/")
    return owner if slash else ""


def digest(text: str) -> Digest:
    """Return the digest that `text` spells; Refused (DIGEST_INVALID) if it is none."""
    try:
        return Digest.parse(text)
    except InvalidParameter as error:
        raise Refused(Code.DIGEST_INVALID, error.message, detail={"digest": text}) from None


def tag_or_digest(text: str) -> Tag | Digest:
    """Return what the last part of a manifest's URL means; Refused if it is neither."""
    if ":" in text:
        return digest(text)
    return tag(text)


def tag(text: str) -> Tag:
    """Return the tag that `text` spells; Refused (TAG_INVALID) if it is none."""
    try:
        return Tag(check_tag(text))
    except InvalidParameter as error:
        raise Refused(Code.TAG_INVALID, error.message, detail={"tag": text}) from None
