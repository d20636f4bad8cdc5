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

_LEGACY_DOMAIN = "index.docker.io"

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_WHOLE = re.compile(rf"({_HOST})/({_COMPONENT}(?:/{_COMPONENT})*)(?::({_TAG}))?(?:@({_DIGEST}))?")
_WHOLE_TAG = re.compile(_TAG)
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_MAX_PATH = 255


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
        if _IDENTIFIER.fullmatch(text):
            raise InvalidParameter(
                f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )
        host, rest = _split_domain(text)
        remote = rest.partition(":")[0]
        if remote.lower() != remote:
            raise InvalidParameter(
                f"invalid reference format: repository name ({remote}) must be lowercase"
            )
        match = _WHOLE.fullmatch(f"{host}/{rest}")
        if match is None:
            raise InvalidParameter("invalid reference format")
        domain, path, tag, digest = match.groups()
        if len(path) > _MAX_PATH:
            raise InvalidParameter(f"repository name must not be more than {_MAX_PATH} characters")
        return cls(domain, path, tag or "", Digest.parse(digest) if digest else None)

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
    if not _WHOLE_TAG.fullmatch(tag):
        raise InvalidParameter(f"invalid tag format: {tag!r}")
    return tag


def split_term(text: str) -> tuple[str, str]:
    """Return the registry and the words that a search names: `docker.io` unless a host is first."""
    host, slash, rest = text.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        return DEFAULT_DOMAIN, text
    return (DEFAULT_DOMAIN if host == _LEGACY_DOMAIN else host), rest


def _split_domain(text: str) -> tuple[str, str]:
    """Return the host, and the rest with `library/` where Docker adds it; tag and digest stay."""
    first, slash, rest = text.partition("/")
    is_host = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first.lower() != first
    )
    host, path = (first, rest) if is_host else (DEFAULT_DOMAIN, text)
    if host == _LEGACY_DOMAIN:
        host = DEFAULT_DOMAIN
    if host == DEFAULT_DOMAIN and "/" not in path:
        path = OFFICIAL_PREFIX + path
    return host, path
