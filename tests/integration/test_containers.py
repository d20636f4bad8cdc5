"""Containers through docker-py: created, listed, stopped, removed."""

from __future__ import annotations

import docker
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

from tests.conftest import until

SLEEP = "sleep 1000"


def test_run_returns_the_output(client: docker.DockerClient) -> None:
    """Does a container run a program and give back what it wrote?"""
    assert client.containers.run("busybox", "echo hello", remove=True) == b"hello\n"


def test_failing_program_raises_with_its_code(client: docker.DockerClient) -> None:
    """Does docker-py see the exit code of a program that failed?"""
    with pytest.raises(ContainerError) as raised:
        client.containers.run("busybox", ["sh", "-c", "echo no >&2; exit 3"], remove=True)
    assert raised.value.exit_status == 3
    assert b"no" in raised.value.stderr


def test_containers_of_one_image_are_apart(client: docker.DockerClient) -> None:
    """Has each container a writable layer, a host name and processes of its own?"""
    one, two = (client.containers.run("busybox", SLEEP, detach=True) for _ in range(2))
    one.exec_run(["sh", "-c", "echo mine > /file"])
    assert one.exec_run("cat /file").output == b"mine\n"
    assert two.exec_run("cat /file").exit_code == 1
    assert one.exec_run("hostname").output.decode().strip() == one.short_id
    assert two.exec_run("cat /proc/1/comm").output == b"sleep\n"


def test_writable_layer_survives_stop_and_start(client: docker.DockerClient) -> None:
    """Is what a container wrote still there after it was stopped and started?"""
    container = client.containers.run(
        "busybox", ["sh", "-c", "date > /born; sleep 1000"], detach=True
    )
    container.exec_run("touch /kept")
    pid = container.attrs["State"]["Pid"]
    container.restart(timeout=0)
    container.reload()
    assert container.status == "running"
    assert container.attrs["State"]["Pid"] != pid
    assert container.exec_run("ls /kept").exit_code == 0


def test_stop_sends_term_then_kill(client: docker.DockerClient) -> None:
    """Does stop give the program a chance, and kill it when it does not take it?"""
    polite = ["sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"]
    obedient = client.containers.run("busybox", polite, detach=True)
    until(lambda: b"up" in obedient.logs(), what="the trap is set")
    obedient.stop(timeout=10)
    assert obedient.wait()["StatusCode"] == 5
    assert b"bye" in obedient.logs()
    deaf = client.containers.run("busybox", SLEEP, detach=True)
    deaf.stop(timeout=0)
    assert deaf.wait()["StatusCode"] == 137


def test_kill_with_a_signal(client: docker.DockerClient) -> None:
    """Does kill send the named signal?"""
    command = ["sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done"]
    container = client.containers.run("busybox", command, detach=True)
    until(lambda: b"up" in container.logs(), what="the trap is set")
    container.kill(signal="SIGUSR1")
    assert container.wait()["StatusCode"] == 9


def test_remove_is_refused_while_running(client: docker.DockerClient) -> None:
    """Is a running container only removed by force?"""
    container = client.containers.run("busybox", SLEEP, detach=True)
    with pytest.raises(APIError, match="container is running") as raised:
        container.remove()
    assert raised.value.status_code == 409
    container.remove(force=True)
    with pytest.raises(NotFound):
        client.containers.get(container.id)


def test_name_conflict_and_lookup(client: docker.DockerClient) -> None:
    """Is a taken name refused, and a container found by name, id and the beginning of its id?"""
    container = client.containers.create("busybox", SLEEP, name="only-one")
    with pytest.raises(APIError, match='name "/only-one" is already in use') as raised:
        client.containers.create("busybox", SLEEP, name="only-one")
    assert raised.value.status_code == 409
    for text in ("only-one", container.id, container.id[:8]):
        assert client.containers.get(text).id == container.id


def test_missing_image_is_docker_py_s_own_error(client: docker.DockerClient) -> None:
    """Does docker-py recognise the message of an absent image?"""
    with pytest.raises(ImageNotFound):
        client.containers.create("no-such-image-anywhere:1")


def test_limits_hold(client: docker.DockerClient) -> None:
    """Is a container killed above its memory, and refused more processes than allowed?"""
    if not client.info()["MemoryLimit"]:
        pytest.skip("this host hands out no control groups")
    hungry = ["sh", "-c", "head -c 60m /dev/zero | tail"]
    container = client.containers.run("busybox", hungry, detach=True, mem_limit="16m")
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert container.attrs["State"]["OOMKilled"] is True
    forks = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"]
    crowd = client.containers.run("busybox", forks, detach=True, pids_limit=4)
    crowd.wait()
    assert b"can't fork" in crowd.logs()


def test_filters_by_port(client: docker.DockerClient) -> None:
    """Is `publish` the port of the host, and `expose` the container's, as with Docker?"""
    web = client.containers.run("busybox", ["sleep", "60"], ports={"80/tcp": 8976}, detach=True)

    def listed(name: str, port: str) -> bool:
        return web in client.containers.list(filters={name: port})

    assert listed("publish", "8976")
    assert listed("publish", "8970-8980/tcp")
    assert not listed("publish", "80")
    assert not listed("publish", "8976/udp")
    assert listed("expose", "80")
    assert not listed("expose", "8976")


def test_list_filters(client: docker.DockerClient) -> None:
    """Do the filters of ps select by state, label, name and image?"""
    running = client.containers.run(
        "busybox", SLEEP, detach=True, labels={"kind": "a"}, name="f-run"
    )
    ended = client.containers.run("busybox", "true", detach=True, name="f-end")
    ended.wait()
    found = {each.name for each in client.containers.list(filters={"label": "kind=a"})}
    assert found == {"f-run"}
    assert ended.id not in {each.id for each in client.containers.list()}
    exited = client.containers.list(all=True, filters={"status": "exited", "name": "f-"})
    assert [each.name for each in exited] == ["f-end"]
    assert running.id in {
        each.id for each in client.containers.list(filters={"ancestor": "busybox"})
    }


def test_inspect_tells_what_was_asked_for(client: docker.DockerClient) -> None:
    """Does inspect give back settings, the image, and the state?"""
    image = client.images.get("busybox")
    container = client.containers.create(
        "busybox", SLEEP, environment={"A": "b"}, working_dir="/tmp", user="1000", tty=True
    )
    attributes = container.attrs
    assert attributes["Image"] == image.id
    assert "A=b" in attributes["Config"]["Env"]
    assert attributes["Config"]["WorkingDir"] == "/tmp"
    assert attributes["Config"]["User"] == "1000"
    assert attributes["Path"] == "sleep" and attributes["Args"] == ["1000"]
    assert attributes["State"]["Status"] == "created"


def test_root_in_a_container_is_nobody_outside(client: docker.DockerClient) -> None:
    """Has the container's root only Docker's capabilities, a filter, and a user namespace?"""
    show = "cat /proc/self/status /proc/self/uid_map"
    text = client.containers.run("busybox", ["sh", "-c", show], remove=True).decode()
    assert "CapEff:\t00000000a80425fb" in text
    assert "Seccomp:\t2" in text
    first = next(line.split() for line in text.splitlines() if line.split()[:1] == ["0"])
    assert int(first[2]) < 1 << 32
    for forbidden in ("unshare -U true", "mount -t tmpfs x /tmp", "dmesg"):
        result = client.containers.run(
            "busybox", ["sh", "-c", f"{forbidden} && echo allowed || echo refused"], remove=True
        )
        assert result.decode().splitlines()[-1] == "refused", forbidden


def test_names_that_are_too_long(client: docker.DockerClient) -> None:
    """Is a host's name refused at the start in Docker's words, and a domain's cut off, as there?"""
    container = client.containers.create("busybox", "true", hostname="h" * 65)
    with pytest.raises(
        APIError, match="error during container init: sethostname: invalid argument"
    ):
        container.start()
    command = "cat /proc/sys/kernel/domainname"
    said = client.containers.run("busybox", command, domainname="d" * 65, remove=True)
    assert said == b"d" * 64 + b"\n"
