"""Names of images: `nginx`, `alice/app:1`, `localhost:5000/team/app@sha256:...`.

Source: the reference grammar of the distribution project, and Docker's short forms: a name
without a host belongs to `docker.io`, one without a slash to `library/` there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lab.errors import InvalidParameter
from lab.oci.digest import Digest

DEFAULT_DOMAIN = "docker.io"
OFFICIAL_PREFIX = "library/"

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed name.  `domain` and `path` are always whole (`docker.io`, `library/nginx`)."""

    domain: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return the reference that `text` spells; InvalidParameter, in Docker's words, if none."""
        rest, at, digest_text = text.partition("@")
        try:
            digest = Digest.parse(digest_text) if at else None
        except InvalidParameter:
            raise _invalid() from None
        head, colon, tail = rest.rpartition(":")
        has_tag = bool(colon) and "/" not in tail
        name, tag = (head, tail) if has_tag else (rest, "")
        if has_tag and not _TAG.fullmatch(tag):
            raise _invalid()
        domain, path = _split_domain(name)
        _check_path(domain, path, name)
        return cls(domain, path, tag, digest)

    @property
    def name(self) -> str:
        """The whole name without tag and digest: `docker.io/library/nginx`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: `nginx`, `alice/app`, `localhost:5000/app`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(OFFICIAL_PREFIX)
        return self.path if "/" in short else short

    def tagged(self) -> Reference:
        """Return the reference with the tag `latest` if it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    def with_digest(self, digest: Digest) -> Reference:
        """Return `name@digest`, without the tag."""
        return replace(self, tag="", digest=digest)

    def familiar(self) -> str:
        """The familiar name with its tag or digest, as `docker images` would write it."""
        return self.familiar_name + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag

    def __str__(self) -> str:
        return self.name + self._suffix()


def check_tag(tag: str) -> str:
    """Return `tag` if it is one; InvalidParameter otherwise."""
    if not _TAG.fullmatch(tag):
        raise InvalidParameter(f"invalid tag format: {tag!r}")
    return tag


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first.lower() != first
    )
    if is_host:
        domain, path = first, rest
    else:
        domain, path = DEFAULT_DOMAIN, name
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = OFFICIAL_PREFIX + path
    return domain, path


def _check_path(domain: str, path: str, name: str) -> None:
    if not _HOST.fullmatch(domain):
        raise _invalid()
    if any(part.lower() != part for part in path.split("/")):
        raise InvalidParameter("invalid reference format: repository name must be lowercase")
    if not all(_COMPONENT.fullmatch(part) for part in path.split("/")):
        raise _invalid()
    if re.fullmatch(r"[0-9a-f]{64}", name):
        raise InvalidParameter(
            f"invalid repository name ({name}), cannot specify 64-byte hexadecimal strings"
        )
    if len(domain) + 1 + len(path) > _MAX_NAME:
        raise InvalidParameter("repository name must not be more than 255 characters")


def _invalid() -> InvalidParameter:
    return InvalidParameter("invalid reference format")
