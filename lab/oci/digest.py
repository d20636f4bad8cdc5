"""Content digests: `sha256:` followed by 64 hexadecimal digits.  Source: OCI image-spec, descriptor.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from lab.errors import DigestMismatch, InvalidParameter

_LENGTHS = {"sha256": 64, "sha512": 128}
_PATTERN = re.compile(r"([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[0-9a-f]+")


class Hash(Protocol):
    """What hashlib returns: fed with `update`, read with `hexdigest`."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An algorithm and its hexadecimal value; made only by `parse` or `of`."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that `text` spells; InvalidParameter, in Docker's words, if it is none."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InvalidParameter(f"invalid checksum digest format: {text!r}")
        algorithm, value = match.groups()
        if algorithm not in _LENGTHS:
            raise InvalidParameter(f"unsupported digest algorithm: {text!r}")
        if len(value) != _LENGTHS[algorithm]:
            raise InvalidParameter(f"invalid checksum digest length: {text!r}")
        if not _HEX.fullmatch(value):
            raise InvalidParameter(f"invalid checksum digest format: {text!r}")
        return cls(algorithm, value)

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """Return the sha256 digest of `content`."""
        return cls("sha256", hashlib.sha256(content).hexdigest())

    @classmethod
    def from_hash(cls, running: Hash) -> Digest:
        """Return the digest of what a sha256 hash object has been fed."""
        return cls("sha256", running.hexdigest())

    def hasher(self) -> Hash:
        """Return a new hash object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def fits(self, content: bytes) -> bool:
        """Tell whether `content` hashes to this digest."""
        running = self.hasher()
        running.update(content)
        return running.hexdigest() == self.hex

    def check(self, content: bytes) -> None:
        """Raise DigestMismatch unless `content` hashes to this digest."""
        if not self.fits(content):
            raise DigestMismatch(f"content does not match digest {self}")

    @property
    def short(self) -> str:
        """The first 12 digits, as Docker shows them."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
