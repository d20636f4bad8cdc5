"""Containers that share namespaces: with another container, or with the host."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.conftest import free_port, until

SERVE = ["httpd", "-f", "-p", "80", "-h", "/etc"]


@pytest.fixture
def server(client: docker.DockerClient) -> Iterator[Container]:
    yield client.containers.run("busybox", SERVE, detach=True, hostname="server")


def run(client: docker.DockerClient, command: str, **options: object) -> str:
    shown = client.containers.run("busybox", ["sh", "-c", command], remove=True, **options)
    return str(shown.decode())


def test_one_network_for_two(client: docker.DockerClient, server: Container) -> None:
    """Are interfaces, name and files those of the other container, and its server at localhost?"""
    mode = f"container:{server.name}"
    fetch = "wget -qO- http://127.0.0.1/hostname"
    shown = run(
        client,
        f"hostname; {fetch} || (sleep 1; {fetch}); ip -o -4 addr show eth0; ls /sys/class/net",
        network_mode=mode,
    )
    server.reload()
    address = server.attrs["NetworkSettings"]["IPAddress"]
    assert shown.startswith("server\nserver\n")
    assert f"inet {address}/16" in shown and shown.endswith("eth0\nlo\n")


def test_what_is_recorded(client: docker.DockerClient, server: Container) -> None:
    """Does inspect name the other by its id, which a new name does not change, and no networks?"""
    mode = f"container:{server.name}"
    sharing = client.containers.run("busybox", "sleep 1000", detach=True, network_mode=mode)
    sharing.reload()
    assert sharing.attrs["HostConfig"]["NetworkMode"] == f"container:{server.id}"
    assert sharing.attrs["NetworkSettings"]["Networks"] == {}
    server.rename(f"{server.name}-renamed")
    sharing.restart(timeout=0)
    assert b"eth0" in sharing.exec_run("ip -o link").output
    with pytest.raises(APIError, match="sharing network namespace with another container"):
        client.networks.get("bridge").connect(sharing)


def test_the_other_one_ends(client: docker.DockerClient, server: Container) -> None:
    """Is its address taken away, and a start without it refused in Docker's words?"""
    mode = f"container:{server.id}"
    sharing = client.containers.run("busybox", "sleep 1000", detach=True, network_mode=mode)
    server.kill()
    until(lambda: b"eth0" not in sharing.exec_run("ip -o link").output, what="eth0 is gone")
    expected = f"cannot join network namespace of a non running container: container {server.name}"
    with pytest.raises(APIError, match=f"{expected} is exited"):
        sharing.restart(timeout=0)
    server.start()
    sharing.start()
    assert b"eth0" in sharing.exec_run("ip -o link").output


def test_a_restart_that_fails(client: docker.DockerClient, server: Container) -> None:
    """Is it told, in Docker's words, that the restart is what failed, and why?"""
    mode = f"container:{server.id}"
    sharing = client.containers.run("busybox", "sleep 1000", detach=True, pid_mode=mode)
    server.stop(timeout=0)
    with pytest.raises(APIError) as caught:
        sharing.restart(timeout=0)
    assert caught.value.status_code == 500
    assert str(caught.value.explanation).startswith(
        f"Cannot restart container {sharing.id}: cannot join pid namespace of a non running"
    )


def test_one_process_list_for_two(client: docker.DockerClient, server: Container) -> None:
    """Are the other container's processes seen and signalled, and is the network one's own?"""
    shown = run(client, "ps; kill -0 1 && hostname", pid_mode=f"container:{server.id}")
    assert "httpd -f -p 80" in shown and not shown.endswith("server\n")
    waiting = client.containers.run(
        "busybox", "sleep 1000", detach=True, pid_mode=f"container:{server.id}"
    )
    server.kill()
    assert waiting.wait(timeout=20)["StatusCode"] == 137


def test_shared_memory_of_another(client: docker.DockerClient) -> None:
    """Are its /dev/shm and queues those of a container that allows it, and is any other refused?"""
    command = ["sh", "-c", "echo common > /dev/shm/note; exec sleep 1000"]
    donor = client.containers.run("busybox", command, detach=True, ipc_mode="shareable")
    until(lambda: donor.exec_run("cat /dev/shm/note").exit_code == 0, what="the note is written")
    command = "cat /dev/shm/note; echo back > /dev/shm/note; readlink /proc/self/ns/ipc"
    shown = run(client, f"{command}; ls -d /dev/mqueue", ipc_mode=f"container:{donor.id}")
    namespace = donor.exec_run("readlink /proc/self/ns/ipc").output.decode()
    assert shown == f"common\n{namespace}/dev/mqueue\n"
    assert donor.exec_run("cat /dev/shm/note").output == b"back\n"
    private = client.containers.run("busybox", "sleep 1000", detach=True)
    with pytest.raises(APIError, match="non-shareable IPC") as caught:
        run(client, "true", ipc_mode=f"container:{private.id}")
    assert caught.value.status_code == 400


def test_shared_memory_of_the_host(client: docker.DockerClient) -> None:
    """Do all containers with --ipc host share memory, and one with none have no such folder?"""
    command = ["sh", "-c", "echo all > /dev/shm/note; exec sleep 1000"]
    first = client.containers.run("busybox", command, detach=True, ipc_mode="host")
    until(lambda: first.exec_run("cat /dev/shm/note").exit_code == 0, what="the note is written")
    shown = run(client, "cat /dev/shm/note && rm /dev/shm/note", ipc_mode="host")
    assert shown == "all\n"
    assert run(client, "ls -d /dev/shm || true", ipc_mode="none") == ""


def test_namespaces_of_several(client: docker.DockerClient, server: Container) -> None:
    """Can the network be one container's, the processes another's, and shared memory a third's?"""
    command = ["sh", "-c", "echo third > /dev/shm/note; exec sleep 1003"]
    third = client.containers.run("busybox", command, detach=True, ipc_mode="shareable")
    second = client.containers.run("busybox", "sleep 1002", detach=True)
    until(lambda: third.exec_run("cat /dev/shm/note").exit_code == 0, what="the note is written")
    modes = {
        "network_mode": f"container:{server.id}",
        "pid_mode": f"container:{second.id}",
        "ipc_mode": f"container:{third.id}",
    }
    made = client.containers.run("busybox", "sleep 1004", detach=True, **modes)
    command = "ps; cat /dev/shm/note; cat /etc/hostname; ping -c 1 127.0.0.1"
    shown = made.exec_run(["sh", "-c", command]).output.decode()
    for expected in ("sleep 1002", "sleep 1004", "third\n", "server\n", "1 packets received"):
        assert expected in shown
    assert "sleep 1003" not in shown and "httpd" not in shown
    second.kill()
    assert made.wait(timeout=20)["StatusCode"] == 137


def test_the_hosts_control_groups(client: docker.DockerClient) -> None:
    """Does --cgroupns host show where in the host's groups a container is, and nothing to change?"""
    if not client.info()["CgroupDriver"] or client.info()["CgroupDriver"] == "none":
        pytest.skip("there are no control groups here")
    options = {"cgroupns": "host"}
    shown = run(client, "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/own 2>&1 || true", **options)
    assert "/lab-" in shown and "Read-only file system" in shown
    assert "/lab-" not in run(client, "cat /proc/self/cgroup")


def test_rules_for_devices(client: docker.DockerClient) -> None:
    """Are they recorded, with a word that they change nothing?"""
    rules = ["c 7:* rwm"]
    host = client.api.create_host_config(device_cgroup_rules=rules)
    made = client.api.create_container("busybox", "true", host_config=host)
    assert any("Rules for devices" in warning for warning in made["Warnings"])
    shown = client.api.inspect_container(made["Id"])
    assert shown["HostConfig"]["DeviceCgroupRules"] == rules


def test_the_hosts_processes(client: docker.DockerClient, server: Container) -> None:
    """Are all processes of the sandbox seen, none of the lab's own touched, and none left behind?"""
    shown = run(client, "ps; kill -9 1; cat /proc/1/environ || true", pid_mode="host")
    assert "httpd -f -p 80" in shown
    leaving = "sleep 4321 & sleep 4321 & echo started"
    assert run(client, leaving, pid_mode="host") == "started\n"
    assert "sleep 4321" not in run(client, "ps | grep -v grep", pid_mode="host")
    server.reload()
    assert server.status == "running"


def test_the_hosts_name(client: docker.DockerClient) -> None:
    """Is the machine's name shown with --uts host?"""
    assert run(client, "hostname", uts_mode="host").strip() == client.info()["Name"]


def test_the_hosts_network(client: docker.DockerClient) -> None:
    """Is a server with --network host reached at the host's port, which is free when it ends?"""
    port = free_port()
    made = client.containers.run(
        "busybox", [*SERVE[:3], str(port), *SERVE[4:]], detach=True, network_mode="host"
    )
    url = f"http://127.0.0.1:{port}/hostname"

    def page() -> bytes:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()  # type: ignore[no-any-return]
        except OSError:
            return b""

    assert until(page) == client.info()["Name"].encode() + b"\n"
    with pytest.raises(APIError, match=f"Bind for 0.0.0.0:{port} failed"):
        client.containers.run("busybox", "true", ports={"80/tcp": port})
    made.remove(force=True)
    until(lambda: not page(), what="the port is free")
    with socket.create_server(("", port)):
        pass


def test_no_power_over_the_hosts_network(client: docker.DockerClient) -> None:
    """Does a container with it see the bridge, reach the way out, and change nothing?"""
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(10)
        connect = f"nc -w 5 {_outer()} {server.getsockname()[1]} </dev/null"
        command = f"ls /sys/class/net; {connect}; ip link set docker0 down"
        made = client.containers.run(
            "busybox", ["sh", "-c", command], detach=True, network_mode="host"
        )
        server.accept()[0].close()
    assert made.wait(timeout=20)["StatusCode"] != 0
    assert b"docker0\n" in made.logs() and b"Operation not permitted" in made.logs()


def _outer() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("the host has no network")
        return str(probe.getsockname()[0])


def test_publish_all(client: docker.DockerClient) -> None:
    """Does -P publish each exposed port that is not published already?"""
    made = client.api.create_container(
        "busybox",
        SERVE,
        ports=[80, (53, "udp"), 81],
        host_config=client.api.create_host_config(
            publish_all_ports=True, port_bindings={81: ("127.0.0.1", None)}
        ),
    )
    container = client.containers.get(made["Id"])
    container.start()
    container.reload()
    ports = container.attrs["NetworkSettings"]["Ports"]
    assert sorted(ports) == ["53/udp", "80/tcp", "81/tcp"]
    assert [each["HostIp"] for each in ports["81/tcp"]] == ["127.0.0.1"]
    assert {each["HostIp"] for each in ports["53/udp"]} <= {"0.0.0.0", "::"}
    assert int(ports["80/tcp"][0]["HostPort"]) > 1024
