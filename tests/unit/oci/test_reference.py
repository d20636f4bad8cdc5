"""Names of images, against the grammar that the distribution project publishes.

The grammar (written out in the comment of its package `reference`):

    reference       = name [":" tag] ["@" digest]
    name            = [domain "/"] path-component ["/" path-component]*
    domain          = host [":" port-number]
    host            = domain-name | IPv4address | "[" IPv6address "]"
    domain-name     = domain-component ["." domain-component]*
    path-component  = alpha-numeric [separator alpha-numeric]*
    separator       = /[_.]|__|[-]*/
    tag             = /[\\w][\\w.-]{0,127}/
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InvalidParameter
from lab.oci.digest import Digest
from lab.oci.reference import Reference, check_tag

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "familiar"),
    [
        ("nginx", "docker.io", "library/nginx", "", "nginx"),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25", "nginx:1.25"),
        ("library/nginx", "docker.io", "library/nginx", "", "nginx"),
        ("docker.io/nginx", "docker.io", "library/nginx", "", "nginx"),
        ("index.docker.io/alice/app", "docker.io", "alice/app", "", "alice/app"),
        ("docker.io/library/a/b", "docker.io", "library/a/b", "", "library/a/b"),
        ("alice/app:v1", "docker.io", "alice/app", "v1", "alice/app:v1"),
        ("a/b/c/d", "docker.io", "a/b/c/d", "", "a/b/c/d"),
        ("localhost/app", "localhost", "app", "", "localhost/app"),
        ("localhost:5000", "docker.io", "library/localhost", "5000", "localhost:5000"),
        ("localhost:5000/app:2", "localhost:5000", "app", "2", "localhost:5000/app:2"),
        ("host/app", "docker.io", "host/app", "", "host/app"),
        ("host.org/app", "host.org", "app", "", "host.org/app"),
        ("HOST/app", "HOST", "app", "", "HOST/app"),
        ("127.0.0.1:80/a/b", "127.0.0.1:80", "a/b", "", "127.0.0.1:80/a/b"),
        ("[::1]:5000/app", "[::1]:5000", "app", "", "[::1]:5000/app"),
        ("xn--n3h.com/app", "xn--n3h.com", "app", "", "xn--n3h.com/app"),
        ("a.b_c__d-e--f/x", None, "", "", ""),
        ("x/a.b_c__d-e--f", "docker.io", "x/a.b_c__d-e--f", "", "x/a.b_c__d-e--f"),
        (HEX + ":tag", "docker.io", "library/" + HEX, "tag", HEX + ":tag"),
        (HEX[:-1], "docker.io", "library/" + HEX[:-1], "", HEX[:-1]),
        ("sha256:abc", "docker.io", "library/sha256", "abc", "sha256:abc"),
    ],
)
def test_names(text: str, domain: str | None, path: str, tag: str, familiar: str) -> None:
    """Are domain, path and tag those that Docker sees, and is the short form Docker's?"""
    if domain is None:
        with pytest.raises(InvalidParameter):
            Reference.parse(text)
        return
    ref = Reference.parse(text)
    assert (ref.domain, ref.path, ref.tag, ref.digest) == (domain, path, tag, None)
    assert ref.familiar() == familiar
    assert str(ref) == f"{domain}/{path}" + (f":{tag}" if tag else "")


def test_digests() -> None:
    """Are digests read, alone and after a tag?"""
    for text, tag in ((f"nginx@{DIGEST}", ""), (f"nginx:1@{DIGEST}", "1")):
        ref = Reference.parse(text)
        assert (ref.path, ref.tag, ref.digest) == ("library/nginx", tag, Digest.parse(DIGEST))
        assert ref.familiar() == text


def test_latest_is_the_tag_of_names_without_one() -> None:
    """Does only a bare name get the tag `latest`?"""
    assert Reference.parse("nginx").tagged().familiar() == "nginx:latest"
    assert Reference.parse("nginx:1").tagged().familiar() == "nginx:1"
    assert Reference.parse(f"nginx@{DIGEST}").tagged().familiar() == f"nginx@{DIGEST}"
    digest = Digest.parse(DIGEST)
    assert Reference.parse("nginx:1").with_digest(digest).familiar() == f"nginx@{DIGEST}"


INVALID = "invalid reference format"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", INVALID),
        (":tag", INVALID),
        ("@" + DIGEST, INVALID),
        ("/nginx", INVALID),
        ("nginx/", INVALID),
        ("a//b", INVALID),
        ("nginx:", INVALID),
        ("nginx:-x", INVALID),
        ("nginx:" + "a" * 129, INVALID),
        ("nginx:a:b", INVALID),
        ("nginx@", INVALID),
        ("nginx@sha256:abc", INVALID),
        (f"nginx@{DIGEST}@{DIGEST}", INVALID),
        ("-a/b", INVALID),
        ("a-/b", INVALID),
        ("a..b", INVALID),
        ("a___b", INVALID),
        ("_a", INVALID),
        ("a b", INVALID),
        ("a\n", INVALID),
        ("../etc", INVALID),
        ("ä", INVALID),
        ("host.org:port/app", INVALID),
        ("-host.org/app", INVALID),
        ("[fe80::1%eth0]/app", INVALID),
        ("host.org/", INVALID),
        (
            "Nginx",
            "invalid reference format: repository name (library/Nginx) must be lowercase",
        ),
        (
            "host.org/Alice/app:1",
            "invalid reference format: repository name (Alice/app) must be lowercase",
        ),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a" * 256 + "/b", "repository name must not be more than 255 characters"),
    ],
)
def test_what_is_no_name_is_refused_in_dockers_words(text: str, message: str) -> None:
    """Is every malformed name refused, with Docker's message word for word?"""
    with pytest.raises(InvalidParameter) as caught:
        Reference.parse(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("sha256:" + HEX[:40], "invalid checksum digest length"),
        ("sha256:" + HEX.upper(), "invalid checksum digest format"),
        ("sha3:" + HEX, "unsupported digest algorithm"),
    ],
)
def test_wrong_digests_in_names(digest: str, words: str) -> None:
    """Is what looks like a digest and is none refused with its own reason?"""
    with pytest.raises(InvalidParameter, match=words):
        Reference.parse("nginx@" + digest)


def test_the_length_of_a_path_is_limited_without_the_host() -> None:
    """Do 255 characters of path pass, whatever the host's length?"""
    path = "a" * 255
    assert Reference.parse(f"localhost:5000/{path}").path == path
    with pytest.raises(InvalidParameter, match="255"):
        Reference.parse(f"localhost:5000/{path}a")
    with pytest.raises(InvalidParameter, match="255"):
        Reference.parse("a" * 248)  # with `library/` before it


alphanumeric = st.text("abcxyz019", min_size=1, max_size=4)
separators = st.sampled_from([".", "_", "__", "-", "---"])
components = st.tuples(
    alphanumeric, st.lists(st.tuples(separators, alphanumeric).map("".join), max_size=2)
).map(lambda parts: parts[0] + "".join(parts[1]))
labels = st.from_regex(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,4}[a-zA-Z0-9])?", fullmatch=True)
hosts = st.one_of(
    st.lists(labels, min_size=2, max_size=3).map(".".join),
    st.just("localhost"),
    st.sampled_from(["[::1]", "[2001:db8::1]", "10.0.0.1"]),
)
domains = st.one_of(hosts, st.tuples(hosts, st.integers(1, 65535)).map(lambda p: f"{p[0]}:{p[1]}"))
paths = st.lists(components, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(
    domain=domains,
    path=paths,
    tag=st.one_of(st.none(), tags),
    digest=st.one_of(st.none(), st.just(DIGEST)),
)
def test_whatever_the_grammar_allows_is_a_name(
    domain: str, path: str, tag: str | None, digest: str | None
) -> None:
    """Is every sentence of the grammar parsed into its parts, and written back the same?"""
    text = f"{domain}/{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    ref = Reference.parse(text)
    assert (ref.domain, ref.path, ref.tag) == (domain, path, tag or "")
    assert str(ref.digest) == (digest or "None")
    assert str(ref) == text
    assert Reference.parse(ref.familiar()) == ref


@given(st.text("abAB01.:/@-_[] \n", max_size=30))
def test_any_text_is_a_stable_name_or_invalid(text: str) -> None:
    """Does each name mean the same after being written in full or short form and read again?"""
    try:
        ref = Reference.parse(text)
    except InvalidParameter:
        return
    assert Reference.parse(str(ref)) == ref
    assert Reference.parse(ref.familiar()) == ref
    assert ".." not in ref.path.split("/")


def test_tags() -> None:
    """Are tags checked alone too?"""
    assert check_tag("v1.0-rc_1") == "v1.0-rc_1"
    for tag in ("", "a/b", "-a", "a" * 129, "a\n"):
        with pytest.raises(InvalidParameter, match="invalid tag format"):
            check_tag(tag)
