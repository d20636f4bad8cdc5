"""Where a learner's Docker Engine is looked for."""

from __future__ import annotations

import json
from pathlib import Path

from lab.widgets import own_engines
from lab.widgets.loop import normalized


def test_places(tmp_path: Path) -> None:
    """Are the CLI's contexts on this machine looked at first, each place once, nonsense left out?"""
    meta = tmp_path / ".docker" / "contexts" / "meta"
    for name, content in (
        ("a", {"Endpoints": {"docker": {"Host": "unix:///run/mine.sock"}}}),
        ("b", {"Endpoints": {"docker": {"Host": "tcp://far:2375"}}}),
        ("c", {"Endpoints": []}),
        ("d", {"Endpoints": {"docker": {"Host": "unix:///var/run/docker.sock"}}}),
    ):
        (meta / name).mkdir(parents=True)
        (meta / name / "meta.json").write_text(json.dumps(content))
    (meta / "d" / "meta.json").with_name("other").write_text("")
    found = own_engines.candidates(tmp_path, {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert found == [
        "unix:///run/mine.sock",
        "unix:///var/run/docker.sock",
        "unix:///run/user/7/docker.sock",
        f"unix://{tmp_path}/.docker/run/docker.sock",
        f"unix://{tmp_path}/.docker/desktop/docker.sock",
    ]


def test_what_is_nobody_is_not_found(tmp_path: Path) -> None:
    """Are places where nothing answers, and those of other machines, left out?"""
    (tmp_path / "file").touch()
    places = [f"unix://{tmp_path}/none", f"unix://{tmp_path}/file", "tcp://127.0.0.1:1"]
    assert own_engines.look(places, besides="unix:///x") == []


def test_what_differs_each_time_becomes_a_word() -> None:
    """Are times, addresses and process numbers replaced, and the rest kept?"""
    line = '172.17.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 23 "-" "-" "-"'
    assert normalized(line) == 'ADDRESS - - [TIME] "GET / HTTP/1.1" 200 23 "-" "-" "-"'
    assert normalized("2026/11/24 10:00:00 [notice] 1#1: start worker process 29") == (
        "TIME [notice] N#N: start worker process N"
    )
