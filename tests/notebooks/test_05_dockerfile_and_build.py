"""Lesson 05: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_application_is_built_and_answers(ran: Ran) -> None:
    """Does the build name its steps and its tag, and the container greet?"""
    assert "Step 8/8 : CMD" in ran.output("build")
    assert "Successfully tagged greeter:1" in ran.output("build")
    assert "hello from version 1, built on" in ran.output("run")


def steps_from_cache(text: str) -> dict[str, bool]:
    """Return each step's instruction, and whether it came from the cache."""
    parts = re.split(r"^Step \d+/\d+ : ", text, flags=re.MULTILINE)[1:]
    return {part.split()[0]: "Using cache" in part for part in parts}


def test_cache_follows_the_order_of_steps(ran: Ran) -> None:
    """Is a changed file's step new with all after it, and is RUN cached once it stands before?"""
    assert all(steps_from_cache(ran.output("again"))[name] for name in ("COPY", "RUN", "CMD"))
    changed = steps_from_cache(ran.output("changed"))
    assert (changed["WORKDIR"], changed["COPY"], changed["RUN"]) == (True, False, False)
    better = steps_from_cache(ran.output("better-build").replace("Ste\np", "Step"))
    assert (better["RUN"], better["COPY"]) == (True, False)
    assert ran.output("no-cache").strip() == "0"


def test_values_and_ignored_files(ran: Ran) -> None:
    """Do --build-arg and -e reach their places, and does .dockerignore keep the secret out?"""
    assert re.search(r"^2, built on .*\s+hello\s+welcome", ran.output("args"), re.MULTILINE)
    before, after = ran.output("ignore").split("--- with .dockerignore:")
    assert "secret.env" in before
    assert "3.00" in before
    assert "secret.env" not in after
    assert "app.py" in after


def test_stages_leave_the_tools_behind(ran: Ran) -> None:
    """Has the final image the page and no Python?"""
    told = ran.output("stages-build")
    assert "<h1>made by Python, 42 times</h1>" in told
    assert '"python": executable file not found in $PATH' in told.replace("\n", "")
    assert "Successfully tagged greeter:test" in ran.output("target")


def test_failing_builds_say_why(ran: Ran) -> None:
    """Are the four messages that the table explains really what comes?"""
    assert "returned a non-zero code: 1" in ran.output("error-run").replace("\n", "")
    told = ran.output("error-others").replace("\n", "")
    assert "COPY failed: file not found in build context" in told
    assert "unknown instruction: RUNN" in told
    assert "pull access denied for nosuchimage" in told
    assert "unable to prepare context" in told


def test_images_of_single_steps_are_listed_with_a(ran: Ran) -> None:
    """Does `docker images -a` show the nameless images of the steps, beside the named one?"""
    assert re.search(r"^<none> +<none> ", ran.output("images-all"), re.MULTILINE)
    assert re.search(r"^greeter +1 ", ran.output("images-all"), re.MULTILINE)
