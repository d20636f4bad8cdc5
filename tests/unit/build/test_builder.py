"""Builds with the fake backend: cancelling, containers, errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.build.backend import StepContainer
from lab.build.plan import BuildOptions
from lab.errors import BuildError, InvalidParameter, LabError, NotFound, Unsupported
from lab.kernel.idmap import IdMap
from lab.oci.digest import Digest

from .fake import FakeBackend
from .helpers import Build, archive

Run = Callable[..., Build]

DOCKERFILE = "FROM base:1\nENV A=1\nCOPY app /app\nRUN make\n"
FILES = {"app/x.py": "1", "app/y.py": "1"}


def test_images_are_chained_and_have_their_parents_settings(
    build: Run, backend: FakeBackend
) -> None:
    """Does every step leave an image, with layers only where files changed?"""
    result = build(DOCKERFILE + "LABEL a=b\nWORKDIR /app\n", FILES, tags=("x", "x:latest", "y:2"))
    image = backend.images[result.image]
    empty = [entry.empty_layer for entry in image.config.history]
    # `make` writes nothing here, and /app is there already
    assert empty == [True, False, True, True, True]
    assert len(image.config.diff_ids) == 1
    chain = []
    parent = result.image
    while parent:
        chain.append(parent)
        parent = backend.images[parent].parent
    assert len(chain) == 6 and chain[-1] == backend.base_id
    assert backend.tags["x:latest"] == backend.tags["y:2"] == result.image
    assert result.text.count("Successfully tagged") == 2


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"remove": True}, ["false"]),
        ({"remove": False}, ["ENV", "true", "false"]),
        ({"remove": False, "force_remove": True}, []),
    ],
)
def test_containers_that_a_failed_build_leaves(
    options: dict[str, bool], left: list[str], build: Run, backend: FakeBackend
) -> None:
    """Are intermediate containers kept and removed as Docker does?"""
    backend.runs["/bin/sh -c false"] = {"code": 1}
    build("FROM base:1\nENV A=1\nRUN true\nRUN false\n", **options)
    commands = [" ".join(config.cmd or ()) for _, config in backend.containers.values()]
    assert len(commands) == len(left)
    assert all(word in command for word, command in zip(left, commands, strict=True))


def test_failure_to_remove_a_container_is_told(build: Run, backend: FakeBackend) -> None:
    """Does the build go on when an intermediate container cannot be removed?"""

    def refuse(container: str) -> None:
        raise LabError("device busy")

    backend.remove = refuse  # type: ignore[method-assign]
    result = build("FROM base:1\nENV A=1\n")
    assert "Error removing intermediate container" in result.text
    assert result.text.endswith(f"Successfully built {result.image[7:19]}\n")


def test_warnings_about_a_container_are_passed_on(build: Run, backend: FakeBackend) -> None:
    """Does a warning appear before the container's id?"""
    create = backend.create
    backend.create = lambda *args: StepContainer(create(*args).id, ("no swap",))  # type: ignore[method-assign]
    result = build("FROM base:1\nENV A=1\n")
    assert " ---> [Warning] no swap\n ---> Running in " in result.text


def test_run_gets_complete_settings(build: Run, backend: FakeBackend) -> None:
    """Does a command run as the user, in the directory and environment of its step?"""
    build('FROM base:1\nENV A=1\nWORKDIR /w\nUSER www\nENTRYPOINT ["e"]\nRUN id\nUSER root\n')
    config = backend.started[0]
    assert config.user == "www" and config.working_dir == "/w"
    assert config.cmd == ("/bin/sh", "-c", "id") and config.entrypoint is None
    assert "A=1" in config.env


@pytest.mark.parametrize("during_run", [True, False])
def test_cancelled_build_leaves_no_container_and_no_image(
    during_run: bool, backend: FakeBackend, ids: IdMap, tmp_path: Path
) -> None:
    """Is nothing half done left, whether a command ran or not?"""
    asked = [0]
    attempt = Build(backend, ids, tmp_path / "scratch")
    if during_run:
        backend.on_run = lambda: asked.append(1)
        attempt.cancelled = lambda: len(asked) > 1
    else:
        attempt.cancelled = lambda: True
    before = set(backend.images)
    attempt.run("FROM base:1\nRUN sleep\n", {}, remove=False)
    assert attempt.error is not None and "cancelled" in attempt.error.message
    assert not backend.containers and set(backend.images) == before
    assert not (tmp_path / "scratch").exists()


def test_cancelled_copy_makes_no_image(backend: FakeBackend, ids: IdMap, tmp_path: Path) -> None:
    """Does a COPY that is interrupted leave no image?"""
    attempt = Build(backend, ids, tmp_path / "scratch")
    answers = iter([False, False, True])
    attempt.cancelled = lambda: next(answers, True)
    before = set(backend.images)
    attempt.run("FROM base:1\nCOPY . /x\n", {"a": "1", "b": "2"})
    assert attempt.error is not None and attempt.error.message == "Build cancelled"
    assert set(backend.images) == before


def test_error_of_a_step_has_its_line(build: Run, backend: FakeBackend) -> None:
    """Do failures that only show up in the middle carry the line?"""
    backend.runs["/bin/sh -c false"] = {"code": 3}
    failed = build("FROM base:1\n\nRUN \\\n  false\n").error
    assert isinstance(failed, BuildError) and (failed.line, failed.code) == (3, 3)


@pytest.mark.parametrize(
    ("text", "line"),
    [("FROM base:1\n\nCOPY a b\n", 3), ("\nFROM $X\n", 2), ("ARG A=${\nFROM base:1\n", 1)],
)
def test_error_of_looking_up_has_its_line(text: str, line: int, build: Run) -> None:
    """Do missing files and bad substitutions carry the line?"""
    failed = build(text).error
    assert isinstance(failed, BuildError) and failed.line == line


def test_nothing_is_said_before_the_plan_stands(build: Run) -> None:
    """Can a wrong last line still become an HTTP status?"""
    attempt = build("FROM base:1\nRUN a\nRUN --mount=type=cache b\n")
    assert isinstance(attempt.error, Unsupported)
    assert list(attempt.messages[0]) == ["message"]


def test_missing_base_image_is_passed_on(build: Run) -> None:
    """Does the backend's own error come through?"""
    assert isinstance(build("FROM nosuch\n").error, NotFound)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"tags": ("UPPER",)}, InvalidParameter),
        ({"tags": ("x@sha256:" + "0" * 64,)}, InvalidParameter),
        ({"remote": "https://example.org/x.git"}, Unsupported),
        ({"remote": "nonsense"}, InvalidParameter),
        ({"dockerfile": "../Dockerfile"}, BuildError),
        ({"dockerfile": "app"}, BuildError),
    ],
)
def test_impossible_requests(
    options: dict[str, object], kind: type[LabError], build: Run, tmp_path: Path
) -> None:
    """Is the request refused before anything is done?"""
    attempt = build(DOCKERFILE, FILES, **options)
    assert type(attempt.error) is kind
    assert not (tmp_path / "scratch").exists()


def test_dockerfile_may_be_in_lower_case_or_elsewhere(
    backend: FakeBackend, ids: IdMap, tmp_path: Path
) -> None:
    """Is `dockerfile` found for `Dockerfile`, and any other by its path?"""
    for name, option in (("dockerfile", ""), ("x/My.df", "x/My.df")):
        attempt = Build(backend, ids, tmp_path / "scratch")
        attempt.send(archive({name: "FROM base:1\n"}), BuildOptions(dockerfile=option))
        assert attempt.error is None


def test_text_that_json_allows_and_utf8_does_not(build: Run, backend: FakeBackend) -> None:
    """Do half surrogates in labels and arguments become storable text?"""
    result = build(
        "FROM base:1\nARG A\nENV B=$A\n", labels={"a": "\ud800"}, build_args={"A": "\udfff"}
    )
    config = backend.images[result.image].config.config
    assert config.labels == {"a": "\ufffd"} and "B=\ufffd" in config.env


def test_quiet_build_says_only_the_id(build: Run) -> None:
    """Is the one message the id?"""
    result = build(DOCKERFILE, FILES, quiet=True)
    assert result.messages == [{"stream": result.image + "\n"}]


def test_dockerfile_digest_and_base_are_reported(build: Run, backend: FakeBackend) -> None:
    """Does the result tell what was built from what?"""
    result = build("FROM base:1\n", tags=("t",))
    assert result.built is not None
    assert result.built.base == backend.base_id
    assert result.built.dockerfile == Digest.of(b"FROM base:1\n")
    assert result.built.tags == ("docker.io/library/t:latest",)


def test_damaged_context_is_refused(backend: FakeBackend, ids: IdMap, tmp_path: Path) -> None:
    """Does garbage in place of an archive leave nothing?"""
    attempt = Build(backend, ids, tmp_path / "scratch")
    attempt.send(io.BytesIO(b"hello world" * 200).getvalue(), BuildOptions())
    assert isinstance(attempt.error, InvalidParameter)
    assert "archive/tar: invalid tar header" in attempt.error.message
    assert not (tmp_path / "scratch").exists()
