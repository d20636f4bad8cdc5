"""Starts, ends and restarts at awkward moments, many at once, and options that the kernel sees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host
from tests.integration.raw import daemon_of, files_of, resident_megabytes, threads_of

SLEEP = "sleep 1000"


def test_restart_keeps_a_container_that_removes_itself(client: docker.DockerClient) -> None:
    """Is a container of --rm still there after a restart, and gone after its end?"""
    container = client.containers.run("busybox", SLEEP, detach=True, auto_remove=True)
    container.restart(timeout=0)
    container.reload()
    assert container.status == "running"
    container.kill()
    until(lambda: _gone(container), what="it removes itself")


def _gone(container: Container) -> bool:
    try:
        container.reload()
    except NotFound:
        return True
    return False


def test_an_absent_network_is_missed_at_the_start(client: docker.DockerClient) -> None:
    """Is the network looked for at the start, as with Docker, and the container left as it was?"""
    container = client.containers.create("busybox", SLEEP, network="nosuch")
    with pytest.raises(NotFound, match="network nosuch not found"):
        container.start()
    container.reload()
    assert container.status == "created"
    assert container.attrs["State"]["Error"] == "network nosuch not found"


def test_wording(client: docker.DockerClient) -> None:
    """Are conflicts worded as Docker's, with the name that was given?"""
    container = client.containers.create("busybox", SLEEP, name="worded")
    api = client.api
    not_running = f"cannot kill container: worded: container {container.id} is not running"
    other = client.containers.create("busybox", SLEEP, name="other")
    taken = (
        'Error when allocating new name: Conflict. The container name "/other" is already in use '
        f'by container "{other.id}". You have to remove (or rename) that container to be able to '
        "reuse that name."
    )
    same = "Renaming a container with the same name as its current name"
    acts: list[tuple[Callable[[], object], str]] = [
        (lambda: api.kill("worded"), not_running),
        (lambda: api.rename("worded", "worded"), same),
        (lambda: api.rename("worded", "other"), taken),
        (lambda: api.top("worded"), f"container {container.id} is not running"),
        (lambda: api.pause("worded"), f"container {container.id} is not running"),
        (lambda: api.unpause("worded"), f"Container {container.id} is not paused"),
    ]
    for act, message in acts:
        with pytest.raises(APIError) as raised:
            act()
        assert raised.value.explanation == message
    container.start()
    with pytest.raises(APIError) as raised:
        client.api.remove_container("worded")
    assert raised.value.explanation == (
        'cannot remove container "worded": container is running: '
        "stop the container before removing or force remove"
    )


def test_options_that_the_kernel_sees(client: docker.DockerClient) -> None:
    """Do sizes, limits, groups and scores arrive in the container, and in what is run in it?"""
    show = "cat /proc/self/oom_score_adj; ulimit -n; df -k /dev/shm | tail -1 | awk '{print $2}'; id -G"
    container = client.containers.run(
        "busybox",
        ["sh", "-c", f"{show}; exec {SLEEP}"],
        detach=True,
        oom_score_adj=500,
        shm_size="2m",
        ulimits=[docker.types.Ulimit(name="nofile", soft=100, hard=200)],
        user="7:8",
        group_add=["9"],
    )
    expected = ["500", "100", "2048", "8 9"]
    until(lambda: container.logs().decode().splitlines() == expected, what="it has told")
    inside = container.exec_run(["sh", "-c", "cat /proc/self/oom_score_adj; id -G"]).output
    assert inside.decode().splitlines() == ["500", "8 9"]


def test_the_tightest_limit_of_files(client: docker.DockerClient) -> None:
    """Does a program start that may open next to no file, also as an exec?"""
    tight = [docker.types.Ulimit(name="nofile", soft=5, hard=6)]
    container = client.containers.run("busybox", SLEEP, detach=True, ulimits=tight)
    assert container.exec_run(["sh", "-c", "ulimit -n; ulimit -Hn"]).output == b"5\n6\n"


def test_a_program_that_the_user_may_not_run(client: docker.DockerClient) -> None:
    """Is a program that only root may run refused to others, as not to be executed?"""
    container = client.containers.run("busybox", SLEEP, detach=True)
    container.exec_run(["sh", "-c", "cp /bin/busybox /root/true; chmod 700 /root /root/true"])
    result = container.exec_run(["/root/true"], user="1000")
    assert (result.exit_code, b"permission denied" in result.output) == (126, True)
    assert container.exec_run(["/root/true"]).exit_code == 0
    result = container.exec_run("true", user="nobody-here")
    assert result.exit_code == 126
    assert result.output.startswith(b"unable to find user nobody-here: no matching entries")


def test_the_list_follows_the_names_of_images(client: docker.DockerClient) -> None:
    """Does ps show an image's id when its name means another image by now?"""
    image = client.images.get("busybox")
    image.tag("moving:1")
    container = client.containers.run("moving:1", SLEEP, detach=True)
    shown = {each["Id"]: each["Image"] for each in client.api.containers()}
    assert shown[container.id] == "moving:1"
    client.images.get("debian").tag("moving:1")
    shown = {each["Id"]: each["Image"] for each in client.api.containers()}
    assert shown[container.id] == image.id
    client.images.remove("moving:1")


def test_names_are_matched_as_patterns(client: docker.DockerClient) -> None:
    """Is the name filter a regular expression, with and without the slash?"""
    for name in ("web", "web-2"):
        client.containers.create("busybox", SLEEP, name=name)

    def found(pattern: str) -> set[str]:
        return {each.name for each in client.containers.list(all=True, filters={"name": pattern})}

    assert found("web") == {"web", "web-2"}
    assert found("^web$") == found("^/web$") == {"web"}
    assert found("b-[0-9]") == {"web-2"}


def test_fifty_at_once(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does each of many containers at once have its own output and exit code?"""

    def run(number: int) -> bool:
        mine = docker.DockerClient(base_url=engine.host, timeout=60)
        try:
            script = f"echo {number}; exit {number}"
            container = mine.containers.run("busybox", ["sh", "-c", script], detach=True)
            code = container.wait()["StatusCode"]
            output = container.logs()
            container.remove()
        finally:
            mine.close()
        return (code, output) == (number, b"%d\n" % number)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(run, range(50)))


def test_many_runs_leave_nothing(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Are descriptors, threads, processes and memory the same after many runs and execs?"""
    daemon = daemon_of(engine)
    sleeper = client.containers.run("busybox", SLEEP, detach=True)

    def some(count: int) -> None:
        for _ in range(count):
            client.containers.run("busybox", "true", remove=True, ports={"80/tcp": None})
            sleeper.exec_run("true")

    some(15)
    before = files_of(daemon), threads_of(daemon), resident_megabytes(daemon)
    processes = len(host.descendants(engine.process.pid))
    some(60)
    until(lambda: len(host.descendants(engine.process.pid)) <= processes, what="all have ended")
    assert files_of(daemon) <= before[0] + 3
    assert threads_of(daemon) <= before[1] + 2
    assert resident_megabytes(daemon) < before[2] + 6


def test_starts_and_ends_crossing(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Is every answer to crossing requests one of Docker's, and the container whole afterwards?"""
    container = client.containers.create("busybox", SLEEP)
    wrong: list[str] = []

    def act(*steps: Callable[[Container], object]) -> None:
        mine = docker.DockerClient(base_url=engine.host, timeout=60)
        own = mine.containers.get(container.id)
        for step in steps * 8:
            try:
                step(own)
            except APIError as error:
                if error.status_code not in (304, 409):
                    wrong.append(str(error))
        mine.close()

    threads = [
        threading.Thread(target=act, args=steps)
        for steps in (
            (Container.start,),
            (lambda each: each.stop(timeout=0), Container.start),
            (Container.kill,),
            (lambda each: each.restart(timeout=0),),
            (lambda each: each.exec_run("true"),),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    container.restart(timeout=0)
    assert container.exec_run("echo whole").output == b"whole\n"


def test_the_exit_code_of_a_container_that_removed_itself(client: docker.DockerClient) -> None:
    """Is it known to a client that asks only when the container has gone?"""
    container = client.containers.create("busybox", ["sh", "-c", "exit 4"], auto_remove=True)
    container.start()
    until(lambda: container.id not in [each["Id"] for each in client.api.containers(all=True)])
    assert client.api.wait(container.id)["StatusCode"] == 4
    with pytest.raises(docker.errors.NotFound):
        container.reload()
