"""Tests of making the whole catalog, with packages of a few bytes and a stand-in for the engine."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog import images, kitchen
from lab.catalog.earlier import Earlier
from lab.catalog.stamp import is_complete
from lab.catalog.tree import Tree
from lab.errors import Unavailable

from .helpers import BUILT
from .making import Setup, image


def test_all_images(setup: Setup) -> None:
    """Are all images there, under the tags that people type?"""
    made = {row.name: row.tags for row in setup.build()}
    assert made == {
        "debian": ["latest", "bookworm", "bookworm-slim", "12"],
        "nginx": ["latest", "1.22.1", "1.22", "1"],
        "registry": ["latest", "2.8.2", "2.8", "2"],
        "redis": [
            *("latest", "7.0.15", "7.0", "7"),
            *("bookworm", "7.0.15-bookworm", "7.0-bookworm", "7-bookworm"),
        ],
        "python": [
            *("latest", "3.11.2", "3.11", "3", "slim", "3.11.2-slim", "3.11-slim", "3-slim"),
            *("slim-bookworm", "3.11.2-slim-bookworm", "3.11-slim-bookworm", "3-slim-bookworm"),
        ],
        "busybox": ["latest", "1.35.0", "1.35", "1"],
        "hello-world": ["latest"],
    }
    assert is_complete(setup.target)


def test_debian(setup: Setup) -> None:
    """Is the base one layer, without what the engine and the installation put there?"""
    setup.build()
    config, layers = image(setup.target, "debian:12")
    assert len(layers) == 1
    (tree,) = layers
    assert tree["usr/bin/apt"] == "apt"
    assert "var/lib/dpkg/info/apt.list" in tree
    assert tree["bin"] == "-> usr/bin"
    assert not [path for path in tree if path.startswith((".", "etc/hosts", "dev/"))]
    assert "No source" not in tree["etc/apt/sources.list"]
    assert all(line.startswith("#") for line in tree["etc/apt/sources.list"].splitlines())
    assert config["config"]["Cmd"] == ["bash"]
    assert config["created"] == "2023-11-14T22:13:20Z", f"the date of the newest package, {BUILT}"


def test_nginx_is_built_on_debian(setup: Setup) -> None:
    """Does nginx share debian's layer, and do its own layers hold only what it adds?"""
    setup.build()
    base, _ = image(setup.target, "debian:latest")
    config, layers = image(setup.target, "nginx:latest")
    assert base["rootfs"]["diff_ids"] == config["rootfs"]["diff_ids"][:1]
    _, packages, pages, logs = layers
    assert {"nginx", "curl"} <= set(packages.values())
    assert "usr/bin/apt" not in packages
    assert "var/lib/dpkg/info/nginx-common.list" in packages
    assert "Welcome to nginx!" in pages["usr/share/nginx/html/index.html"]
    assert logs["var/log/nginx/access.log"] == "-> /dev/stdout"
    settings = config["config"]
    assert settings["Cmd"] == ["nginx", "-g", "daemon off;"]
    assert settings["ExposedPorts"] == {"80/tcp": {}}
    assert (settings["StopSignal"], settings["Env"][1]) == ("SIGQUIT", "NGINX_VERSION=1.22.1")
    history = config["history"]
    assert len([row for row in history if not row.get("empty_layer")]) == 4
    assert history[-1]["created_by"] == 'CMD ["nginx" "-g" "daemon off;"]'


def test_servers_start_as_the_official_ones(setup: Setup) -> None:
    """Have registry and redis the official images' entry points, ports, volumes and files?"""
    setup.build()
    config, (_, _, files) = image(setup.target, "registry:2")
    settings = config["config"]
    assert settings["Entrypoint"] == ["/entrypoint.sh"]
    assert settings["Cmd"] == ["/etc/docker/registry/config.yml"]
    assert settings["ExposedPorts"] == {"5000/tcp": {}}
    assert settings["Volumes"] == {"/var/lib/registry": {}}
    assert {"entrypoint.sh", "etc/docker/registry/config.yml"} <= set(files)
    config, (_, _, files) = image(setup.target, "redis:7.0-bookworm")
    settings = config["config"]
    assert (settings["Entrypoint"], settings["Cmd"]) == (["docker-entrypoint.sh"], ["redis-server"])
    assert (settings["WorkingDir"], settings["Volumes"]) == ("/data", {"/data": {}})
    assert settings["Env"][1] == "REDIS_VERSION=7.0.15"
    lines = [row["created_by"] for row in config["history"]]
    assert lines[-5:] == [
        "VOLUME [/data]",
        "WORKDIR /data",
        'ENTRYPOINT ["docker-entrypoint.sh"]',
        "EXPOSE 6379/tcp",
        'CMD ["redis-server"]',
    ]


def test_busybox_and_hello(setup: Setup) -> None:
    """Has busybox a link for each command that it names, and is hello-world one file?"""
    setup.build()
    _, (busybox,) = image(setup.target, "busybox:latest")
    assert tuple(busybox[f"bin/{name}"] for name in ("busybox", "sh", "[")) == (
        "busybox",
        "-> busybox",
        "-> busybox",
    )
    assert {"tmp", "root", "etc/passwd"} <= set(busybox)
    config, (hello,) = image(setup.target, "hello-world:latest")
    assert (list(hello), config["config"]["Cmd"]) == (["hello"], ["/hello"])


def test_second_time(setup: Setup) -> None:
    """Is nothing done, and no engine started, when all is there?"""
    setup.build()
    assert setup.build() == []
    assert setup.engines == 1


def test_progress(setup: Setup) -> None:
    """Is progress told in order, up to the end?"""
    setup.build()
    parts = [part for _, part in setup.steps]
    assert parts == sorted(parts)
    assert setup.steps[-1] == ("the images are ready", 1.0)
    assert {"making debian", "making nginx"} <= {name for name, _ in setup.steps}


def test_twice_the_same(setup: Setup, tmp_path: Path) -> None:
    """Do two runs with the same packages give the same image ids?"""
    first = setup.build()
    setup.target = tmp_path / "other" / "catalog"
    assert first == setup.build()


def test_failure_keeps_the_old_catalog(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does a failed run leave the old catalog as it was, and nothing beside it?"""
    setup.build()
    before = (setup.target / "index.json").read_bytes()
    monkeypatch.setattr(images, "Earlier", lambda target: Earlier(tmp_path))
    monkeypatch.setattr(images, "is_complete", lambda target: False)
    setup.prepare = lambda engine: setattr(engine, "exit_code", 1)
    with pytest.raises(Unavailable, match="exit code 1"):
        setup.build()
    assert before == (setup.target / "index.json").read_bytes()
    assert sorted(p.name for p in setup.target.parent.iterdir()) == [".catalog.lock", "catalog"]


def test_new_catalog_replaces_the_old(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a second catalog take the place of the first, leftovers of a crash removed?"""
    setup.build()
    (setup.target / "marker").touch()
    (setup.target.parent / ".catalog.new").mkdir()
    monkeypatch.setattr(images, "is_complete", lambda target: False)
    setup.build()
    assert not (setup.target / "marker").exists()
    assert sorted(p.name for p in setup.target.parent.iterdir()) == [".catalog.lock", "catalog"]


def test_full_disk(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a full disk told in words, with nothing left behind?"""

    def full(tree: Tree) -> Iterator[bytes]:
        yield b"x"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kitchen, "archive", full)
    with pytest.raises(Unavailable, match="no space left on device"):
        setup.build()
    assert [path.name for path in setup.target.parent.iterdir()] == [".catalog.lock"]
