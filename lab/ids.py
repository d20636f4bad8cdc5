"""Identifiers: 64 hexadecimal digits, their 12-digit short form, prefix lookup, made-up names."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from lab.errors import InvalidParameter, NotFound

NAME_PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
"""What Docker accepts as the name of a container, network or volume."""

ID_PATTERN = re.compile(r"[0-9a-f]{64}")
"""What an identifier looks like."""

_ADJECTIVES = (
    "amber bold brisk calm candid clever crisp curious deft eager fair fleet fond gentle glad "
    "golden hardy honest jolly keen kind lively lucid lunar mellow merry mild modest nimble noble "
    "patient placid plucky polite proud quick quiet ready rosy sage serene sharp silver sleek "
    "sober solar spry steady stoic sunny swift tidy true vivid warm wise witty zesty"
).split()
_PEOPLE = (
    "abel banach bernoulli bessel boole cantor cauchy chebyshev clifford dedekind dijkstra "
    "dirichlet eratosthenes erdos euclid euler fermat fibonacci fourier frege galois gauss germain "
    "godel green hamilton hardy hilbert hypatia jacobi kepler knuth kovalevskaya lagrange laplace "
    "legendre leibniz lovelace markov minkowski napier noether pascal peano poincare poisson "
    "ramanujan riemann seki shannon sylvester tarski thales turing viete wiles zeno"
).split()


def new_id() -> str:
    """Return a fresh random identifier of 64 hexadecimal digits, never all decimal in its short form."""
    while True:
        value = secrets.token_hex(32)
        # a short id of digits only would be taken for a number by tools that read hostnames
        if not value[:12].isdecimal():
            return value


def short_id(full: str) -> str:
    """Return the 12 digits that Docker shows; an algorithm prefix (`sha256:`) is dropped."""
    return full.rpartition(":")[2][:12]


def check_name(name: str, kind: str) -> str:
    """Return `name` without a leading slash, if Docker would accept it.

    Raises InvalidParameter with Docker's wording.  `kind` is `container`, `network` or `volume`.
    """
    bare = name.removeprefix("/")
    if not NAME_PATTERN.fullmatch(bare):
        raise InvalidParameter(
            f"Invalid {kind} name ({bare}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    return bare


def find_prefix(prefix: str, known: Iterable[str]) -> str | None:
    """Return the one identifier of `known` that starts with `prefix`, or None if none does.

    Raises InvalidParameter when several do.  An exact match always wins.
    """
    if not prefix:
        return None
    hits = []
    for full in known:
        if full == prefix:
            return full
        if full.startswith(prefix):
            hits.append(full)
    if len(hits) > 1:
        raise InvalidParameter(f"multiple IDs found with provided prefix: {prefix}")
    return hits[0] if hits else None


def generate_name(taken: Iterable[str]) -> str:
    """Return a name such as `brisk_noether` that is not in `taken`."""
    used = set(taken)
    for _ in range(100):
        name = f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_PEOPLE)}"
        if name not in used:
            return name
    for number in range(2, 1_000_000):
        candidate = f"{name}{number}"
        if candidate not in used:
            return candidate
    raise NotFound("no free container name is left")
