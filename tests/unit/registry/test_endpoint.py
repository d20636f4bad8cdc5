"""Where a reference's domain leads to, and what a registry asks for there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.registry.challenge import Challenge, parse_challenges
from lab.registry.endpoint import Endpoint


@pytest.mark.parametrize(
    ("domain", "urls"),
    [
        ("docker.io", ["https://registry-1.docker.io"]),
        ("ghcr.io", ["https://ghcr.io"]),
        ("registry.example:5000", ["https://registry.example:5000"]),
        ("localhost", ["https://localhost", "http://localhost"]),
        ("localhost:5000", ["https://localhost:5000", "http://localhost:5000"]),
        ("127.0.0.1:5000", ["https://127.0.0.1:5000", "http://127.0.0.1:5000"]),
        ("127.9.9.9", ["https://127.9.9.9", "http://127.9.9.9"]),
        ("[::1]:5000", ["https://[::1]:5000", "http://[::1]:5000"]),
        ("localhost.example", ["https://localhost.example"]),
        ("127.0.0.1.example", ["https://127.0.0.1.example"]),
        ("10.0.0.1:5000", ["https://10.0.0.1:5000"]),
        ("[2001:db8::1]", ["https://[2001:db8::1]"]),
    ],
)
def test_only_this_machine_may_speak_plain_http(domain: str, urls: list[str]) -> None:
    """Is HTTPS tried first everywhere, and plain HTTP, unverified, on loopback addresses only?"""
    endpoint = Endpoint.of(domain)
    assert list(endpoint.urls) == urls
    assert endpoint.verify_tls is (len(urls) == 1)
    assert endpoint.socket is None


def test_local_endpoint_has_a_socket(tmp_path: Path) -> None:
    """Does the lab's own Hub have an address that no network is needed for?"""
    assert Endpoint.local(tmp_path / "hub.sock").socket == tmp_path / "hub.sock"


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
            'scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('BASIC Realm="a \\"b\\" c"', [("basic", {"realm": 'a "b" c'})]),
        ("Basic realm=simple", [("basic", {"realm": "simple"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="a" , service = "b"', [("bearer", {"realm": "a", "service": "b"})]),
        ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
        ('Bearer realm="never closed', [("bearer", {})]),
        ('realm="without a scheme"', []),
        ("", []),
    ],
)
def test_challenge_is_read(header: str, challenges: list[tuple[str, dict[str, str]]]) -> None:
    """Are schemes and parameters read, quoted or not, several in one header?"""
    assert parse_challenges([header]) == [Challenge(*parts) for parts in challenges]


_NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
_CHALLENGES = st.lists(
    st.tuples(_NAMES, st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4)), max_size=3
)


@given(_CHALLENGES)
def test_whatever_is_quoted_comes_back(challenges: list[tuple[str, dict[str, str]]]) -> None:
    """Do several challenges in one header come back as they were, commas and quotes included?"""

    def quote(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    header = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quote(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert parse_challenges([header]) == [Challenge(*parts) for parts in challenges]


@given(st.text(max_size=60))
def test_nonsense_ends_quietly(header: str) -> None:
    """Does a malformed header neither hang nor raise?"""
    for challenge in parse_challenges([header]):
        assert challenge.scheme
