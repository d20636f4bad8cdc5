"""Published ports, and what answers there."""

from __future__ import annotations

from grader.checks.container import Run
from grader.results import Finding
from grader.texts import Text

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def publishes(run: Run, port: int) -> Finding:
    """Is a TCP port of the running container published on the host?"""
    goal = Text(
        f"port {port} of the container is published on the host",
        f"컨테이너의 {port}번 포트가 호스트에 공개되어 있다",
    )
    if run.running is None:
        return Finding(False, goal, run.hint)
    addresses = _addresses(run, port)
    if not addresses:
        name = run.running.name
        command = f"docker run -d -p {run.evidence.student.port}:{port} {run.built.name}"
        hint = Text(
            f"{name} runs without -p, and ports cannot be added later: docker rm -f {name}, then"
            f" {command}",
            f"{name} 컨테이너는 {port}번 포트를 -p로 공개하지 않았고, 나중에 더할 수 없습니다."
            f" docker rm -f {name} 명령으로 지운 뒤 다시 실행하세요: {command}",
        )
        return Finding(False, goal, hint)
    host_port = addresses[0][1]
    seen = Text(
        f"port {port} of the container is published on port {host_port} of the host",
        f"컨테이너의 {port}번 포트가 호스트의 {host_port}번 포트에 공개되어 있다",
    )
    return Finding(True, goal, seen=seen)


def answers(run: Run, port: int, text: str) -> Finding:
    """Does the published port answer `GET /` with status 200 and a page that has `text` in it?"""
    goal = Text(
        f'the published port answers with a page that says "{text}"',
        f'공개된 포트가 "{text}"라고 쓰인 페이지로 응답한다',
    )
    if run.running is None:
        return Finding(False, goal, run.hint)
    addresses = _addresses(run, port)
    if not addresses:
        return Finding(False, goal, publishes(run, port).hint)
    page = run.evidence.page(*addresses[0])
    if page is not None and text in page:
        return Finding(True, goal)
    name, host_port = run.running.name, addresses[0][1]
    if page is None:
        hint = Text(
            f"Nothing answers on port {host_port}: docker logs {name} shows what the server says.",
            f"{host_port}번 포트에서 응답이 없습니다. docker logs {name} 명령으로 서버의 출력을 보세요.",
        )
    else:
        hint = Text(
            f'The page on port {host_port} does not say "{text}": mend index.html, build and run again.',
            f'{host_port}번 포트의 페이지에 "{text}" 문구가 없습니다.'
            " index.html을 고치고 다시 빌드해 실행하세요.",
        )
    return Finding(False, goal, hint)


def _addresses(run: Run, port: int) -> list[tuple[str, int]]:
    """Return host and port of each place where a container's TCP port is published."""
    bindings = run.running.ports.get(f"{port}/tcp") if run.running else None
    return [
        (_EVERYWHERE.get(each["HostIp"], each["HostIp"]), int(each["HostPort"]))
        for each in bindings or ()
    ]
