"""The scores of submissions: all done, half done, faked."""

from __future__ import annotations

from pathlib import Path

import pytest

from .submissions import SITE, STUDENT, answers, grade, hand_in

LOGIN = "!echo {password} | docker login -u {account} --password-stdin"
RUN = "!docker run -d -p {port}:80 {account}/site"
PUSH = [LOGIN, "!docker push {account}/site"]

FAKES = {
    "pulled, tagged, pushed": {
        "dockerfile": "",
        "build": ["!docker pull nginx", "!docker tag nginx {account}/site"],
        "run": [
            RUN,
            "!docker exec $(docker ps -q) sh -c 'echo {account} > /usr/share/nginx/html/index.html'",
        ],
        "push": PUSH,
    },
    "a Dockerfile that adds nothing": {
        "dockerfile": "%%writefile Dockerfile\nFROM nginx",
        "run": (
            "import pathlib\n"
            "page = pathlib.Path('index.html').absolute()\n"
            "!docker run -d -p {port}:80 -v {page}:/usr/share/nginx/html/index.html {account}/site"
        ),
    },
    "another base, called nginx": {
        "dockerfile": (
            "%%writefile Dockerfile\nFROM nginx\nLABEL author=me\n"
            'COPY index.html /usr/share/nginx/html/\nCMD ["sleep", "60"]'
        ),
        "build": "!docker pull busybox && docker tag busybox nginx && docker build -t {account}/site .",
    },
    "the checker patched, numbers printed": {
        "build": (
            "import grader.results, grader.learner\n"
            "grader.results.Task.evaluate = lambda self, evidence: self.max\n"
            "grader.learner.Exercise.grade = lambda self, task: 10\n"
            "import builtins; builtins.sum = lambda *a: 10\n"
            "print('Successfully built 1f8bae3dfc84'); exercise.grade('build')"
        ),
        "run": "class Equal(float):\n    __eq__ = lambda *a: True\nEqual(10)",
        "push": "print('latest: digest: sha256:91e8'); 3",
    },
    "another engine in the socket's place": {
        "build": (
            "import os, socket, threading\n"
            "path = os.environ['DOCKER_HOST'].removeprefix('unix://')\n"
            "os.rename(path, path + '.away')\n"
            "server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()\n"
            "def serve():\n"
            "    while True:\n"
            "        client, _ = server.accept()\n"
            "        client.recv(65536)\n"
            "        client.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n[]')\n"
            "threading.Thread(target=serve, daemon=True).start()"
        ),
        "run": "",
        "push": "",
    },
    "a page of the notebook's own": {
        "build": "!echo 'FROM nginx' | docker build -t {account}/other -",
        "run": (
            "import threading, http.server\n"
            "server = http.server.ThreadingHTTPServer(('', port), http.server.SimpleHTTPRequestHandler)\n"
            "threading.Thread(target=server.serve_forever, daemon=True).start()"
        ),
        "push": "",
    },
}


def test_all_done(catalog: Path, tmp_path: Path) -> None:
    """Does the solution get all points, with the evidence told?"""
    graded = grade(hand_in(tmp_path, answers()), catalog)
    report = graded.report
    assert (report["score"], report["max_score"], report["student"]) == (10, 10, STUDENT.id)
    assert graded.points == {"build": 4, "run": 3, "push": 3}
    assert report["cells_failed"] == [] and graded.err == ""
    assert report["engine"]["version"] and report["seconds"] > 0
    build = report["tasks"][0]
    assert SITE in build["seen"][0] and build["missing"] == [] and build["hint"] is None


def test_all_done_in_korean_with_the_editor(catalog: Path, tmp_path: Path) -> None:
    """Does a Dockerfile count that lies beside the notebook, and is the report in Korean?"""
    file = hand_in(tmp_path, answers("ko", dockerfile="# written with the editor"))
    (file.parent / "Dockerfile").write_text(
        "FROM nginx\nLABEL author=Ann\nCOPY index.html /usr/share/nginx/html/\n"
    )
    report = grade(file, catalog).report
    assert report["score"] == 10
    assert "빌드" in report["tasks"][0]["seen"][0]


def test_half_done(catalog: Path, tmp_path: Path) -> None:
    """Does one get the points for what was done: no label, no port, another build pushed?"""
    notebook = answers(
        dockerfile="%%writefile Dockerfile\nFROM nginx\nCOPY index.html /usr/share/nginx/html/",
        build=[
            "!docker build -t {account}/site . && docker push {account}/site",
            LOGIN,
            "!docker push {account}/site",
            "!echo 'ENV AGAIN=1' >> Dockerfile && docker build -t {account}/site .",
        ],
        run="!docker run -d {account}/site",
        push="",
    )
    graded = grade(hand_in(tmp_path, notebook), catalog)
    assert graded.points == {"build": 3, "run": 1, "push": 0}
    hints = {task["name"]: task["hint"] for task in graded.report["tasks"]}
    assert "LABEL author" in hints["build"]
    assert f"-p {STUDENT.port}:80" in hints["run"]
    assert "push again" in hints["push"]


@pytest.mark.parametrize("fake", FAKES.values(), ids=FAKES)
def test_faked(fake: dict[str, str | list[str]], catalog: Path, tmp_path: Path) -> None:
    """Is nothing given for what only looks like the work?"""
    graded = grade(hand_in(tmp_path, answers(**fake)), catalog)
    assert graded.report["score"] == 0, graded.out
