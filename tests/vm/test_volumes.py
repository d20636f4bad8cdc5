"""Volumes and `docker cp` in the guest, where container ids and the learner's files are others."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import docker


def test_volumes_and_copies(client: docker.DockerClient, short_tmp: Path) -> None:
    """Is a new volume filled from the image, and do copies go through it and through a bind?"""
    folder = short_tmp / "copied"
    folder.mkdir()
    place = "/usr/share/nginx/html"
    container = client.containers.create(
        "nginx", "sleep 1000", volumes=[f"web:{place}", f"{folder}:/x"]
    )
    for state in ("stopped", "running"):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            member = tarfile.TarInfo(state)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ok"))
        for path in (place, "/x", "/tmp"):
            container.put_archive(path, content.getvalue())
        assert (folder / state).read_text() == "ok"
        assert (folder / state).stat().st_uid == os.getuid()
        pieces, stat = container.get_archive(place)
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
            assert {"html/index.html", f"html/{state}"} <= set(tar.getnames())
        assert stat["name"] == "html"
        container.start()
    assert container.exec_run(
        f"stat -c %u {place}/index.html {place}/stopped /x/stopped"
    ).output == (b"0\n0\n0\n")
    container.remove(force=True)
    client.volumes.get("web").remove()
