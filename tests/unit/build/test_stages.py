"""Several stages, what later ones take from earlier ones, and where else files come from."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.errors import BuildError, NotFound, Unsupported

from .fake import FakeBackend
from .helpers import Build, archive

Run = Callable[..., Build]


def content(backend: FakeBackend, attempt: Build, path: str) -> str:
    return (backend.images[attempt.image].files / path).read_text()


def history(backend: FakeBackend, attempt: Build) -> list[str]:
    return [entry.created_by for entry in backend.images[attempt.image].config.history]


def test_stage_takes_files_from_an_earlier_one(build: Run, backend: FakeBackend) -> None:
    """Do `FROM name`, `--from=name`, `--from=0` and `--from=image` work?"""
    backend.runs["/bin/sh -c make"] = {"files": {"/made": "m"}}
    attempt = build(
        "FROM base:1 AS One\nRUN make\nCOPY a /a\nFROM one\nENV x=1\n"
        "FROM scratch\nCOPY --from=ONE /made /1\nCOPY --from=1 a /2\n"
        "COPY --from=base:1 /usr/lib/*.so /3/\n",
        {"a": "A"},
    )
    assert [content(backend, attempt, path) for path in ("1", "2", "3/old.so")] == ["m", "A", "old"]
    assert attempt.text.count(" : FROM ") == 3
    assert "Step 9/9 : COPY --from=base:1 /usr/lib/*.so /3/\n" in attempt.text


def test_second_build_finds_all_stages_in_the_cache(build: Run, backend: FakeBackend) -> None:
    """Are copies between stages cached, until the file that is copied changes?"""
    text = "FROM base:1 AS one\nCOPY a /a\nFROM base:1\nCOPY --from=one /a /b\n"
    first = build(text, {"a": "1"})
    again = build(text, {"a": "1"})
    assert again.image == first.image
    assert again.text.count("Using cache") == 2
    other = build(text, {"a": "2"})
    assert "Using cache" not in other.text


def test_copy_between_stages_keeps_owner_mode_and_links(build: Run, backend: FakeBackend) -> None:
    """Are owners, set-user-id bits and hard links those of the stage, unless --chown says more?"""
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    attempt = build(
        "FROM base:1 AS one\nCOPY --chown=www:staff --chmod=4750 a /d/a\n"
        "FROM base:1\nCOPY --from=one /d /x\nCOPY --from=one --chown=0 /d/a /y\n",
        {"a": "A"},
    )
    listed = backend.listed(attempt.image)
    assert any(line.startswith("/x/a file 4750 33:50 ") for line in listed)
    assert any(line.startswith("/y file 750 0:0 ") for line in listed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM base:1\nCOPY --from=0 a b\n", "invalid from flag value 0: refers to current build"),
        ("FROM base:1\nCOPY --from=3 a b\n", "invalid from flag value 3: index out of bounds"),
        ("FROM base:1\nCOPY --from=no a b\n", "invalid from flag value no: No such image: no"),
        ("FROM base:1 AS x\nFROM base:1 AS X\n", "x stage name already used"),
        ("FROM base:1\nCOPY --from=base:1 /no /x\n", "COPY failed: stat no: file does not exist"),
        ("FROM base:1\nCOPY --chmod=u+x a /x\n", "invalid chmod parameter: 'u+x'"),
        ("FROM base:1\nADD http://h/no /x\n", "ADD failed: failed to GET http://h/no with status"),
        ("FROM base:1\nCOPY http://h/f /x\n", "COPY failed: source can't be a URL for COPY"),
    ],
)
def test_what_is_not_there_has_dockers_words(build: Run, text: str, message: str) -> None:
    """Is a source that does not exist told as Docker tells it?"""
    error = build(text, {"a": "A"}).error
    assert isinstance(error, BuildError) and message in error.message


def test_triggers_of_the_base_run_first(build: Run, backend: FakeBackend) -> None:
    """Are ONBUILD instructions executed, told, and gone from the new image's settings?"""
    base = backend.images[backend.base_id]
    triggers = ("COPY a /a", "ENV x=1")
    config = replace(base.config, config=replace(base.config.config, on_build=triggers))
    backend.images[backend.base_id] = replace(base, config=config)
    attempt = build("FROM base:1\nENV y=$x\n", {"a": "A"})
    assert content(backend, attempt, "a") == "A"
    assert "# Executing 2 build triggers\n" in attempt.text
    settings = backend.images[attempt.image].config.config
    assert settings.on_build == () and settings.environ()["y"] == "1"


def test_wrong_trigger_names_the_line_of_from(build: Run, backend: FakeBackend) -> None:
    """Has an error in a trigger the line of the FROM that brought it?"""
    base = backend.images[backend.base_id]
    config = replace(base.config, config=replace(base.config.config, on_build=("FOO a",)))
    backend.images[backend.base_id] = replace(base, config=config)
    error = build("\nFROM base:1\n").error
    assert isinstance(error, BuildError) and "unknown instruction: FOO" in error.message


def test_platform_of_a_stage(build: Run, backend: FakeBackend) -> None:
    """Is `--platform` handed on, with the variables from before FROM?"""
    build("ARG arch=arm64\nFROM --platform=linux/$arch base:1\n")
    assert backend.platforms == ["linux/arm64"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_add_unpacks_archives(
    build: Run, backend: FakeBackend, pack: Callable[[bytes], bytes], ids: object, tmp_path: object
) -> None:
    """Is a tar archive unpacked by ADD, however compressed, and only copied by COPY?"""
    packed = pack(archive({"in/side": "S", "top": "T"}))
    attempt = Build(backend, ids, tmp_path / "scratch")  # type: ignore[arg-type, operator]
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as writer:
        text = b"FROM base:1\nADD t.tar /out\nCOPY t.tar /plain.tar\nADD Dockerfile /d/\n"
        for name, data in (("Dockerfile", text), ("t.tar", packed)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            writer.addfile(member, io.BytesIO(data))
    from lab.build.plan import BuildOptions

    attempt.send(context.getvalue(), BuildOptions())
    assert content(backend, attempt, "out/in/side") == "S"
    assert content(backend, attempt, "out/top") == "T"
    assert content(backend, attempt, "d/Dockerfile").startswith("FROM")
    assert (backend.images[attempt.image].files / "plain.tar").read_bytes() == packed


def test_add_fetches_an_address(build: Run, backend: FakeBackend) -> None:
    """Is a file fetched, named after its address, dated by the server, and not unpacked?"""
    packed = archive({"x": "X"})
    backend.web["http://h/p/f.tar"] = packed
    attempt = build("FROM base:1\nADD http://h/p/f.tar /d/\n")
    target = backend.images[attempt.image].files / "d/f.tar"
    assert target.read_bytes() == packed
    assert target.stat().st_mode & 0o7777 == 0o600
    assert target.stat().st_mtime == 1_700_000_000
    assert history(backend, attempt)[-1].startswith("/bin/sh -c #(nop) ADD ")


def test_documents_of_the_dockerfile_become_files(build: Run, backend: FakeBackend) -> None:
    """Do variables count in them, unless the word is quoted, and quotes stay?"""
    attempt = build(
        "FROM base:1\nENV v=1\nCOPY <<a.txt <<'b.txt' /d/\nv is \"$v\" and ${w:-'none'}\na.txt\n"
        "v is $v\nb.txt\nCOPY <<-EOF /motd\n\tHi\n\tEOF\n"
    )
    assert content(backend, attempt, "d/a.txt") == 'v is "1" and none\n'
    assert content(backend, attempt, "d/b.txt") == "v is $v\n"
    assert content(backend, attempt, "motd") == "Hi\n"


def test_second_health_check_is_told(build: Run) -> None:
    """Does Docker's note about the check that is replaced appear?"""
    text = build("FROM base:1\nHEALTHCHECK CMD a b\nHEALTHCHECK NONE\n").text
    assert "Note: overriding previous HEALTHCHECK: [CMD-SHELL a b]\n" in text


def test_remote_context(build: Run, backend: FakeBackend) -> None:
    """Is an archive at an address built, a Dockerfile too, and git refused?"""
    backend.web["http://h/c"] = archive({"Dockerfile": "FROM base:1\nCOPY a /a\n", "a": "A"})
    backend.web["http://h/d"] = b"FROM base:1\nENV x=1\n"
    attempt = build("", remote="http://h/c")
    assert content(backend, attempt, "a") == "A"
    assert build("", remote="http://h/d").built is not None
    assert isinstance(build("", remote="https://h/x.git#main").error, Unsupported)
    assert isinstance(build("FROM no\n").error, NotFound)
