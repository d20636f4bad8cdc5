"""The lab as a normal user: with subordinate ids it works, with fewer it says what to do."""

from __future__ import annotations

import io
import os
import pwd
import select
import shutil
import socket
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.conftest import ROOT, until
from tests.integration.extension import Extension

PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def user() -> Iterator[pwd.struct_passwd]:
    """A new user of this machine, with a home that nobody else may enter."""
    if os.getuid() != 0:
        pytest.skip("only root can make a user; as a normal user all other tests say this already")
    name = f"lab{uuid.uuid4().hex[:8]}"
    subprocess.run(["useradd", "--create-home", "--key", "HOME_MODE=0700", name], check=True)
    entry = pwd.getpwnam(name)
    os.chmod(entry.pw_dir, 0o700)
    yield entry
    subprocess.run(["userdel", name], check=True)
    shutil.rmtree(entry.pw_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def python(user: pwd.struct_passwd) -> str:
    """A Python of the user's own with what the engine needs, and the lab in the user's home."""
    home = Path(user.pw_dir)
    for package in ("lab", "grader"):
        shutil.copytree(
            ROOT / package, home / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(home)], check=True)
    as_user(user, [PYTHON, "-m", "venv", f"{home}/venv"]).check_returncode()
    pip = [f"{home}/venv/bin/pip", "install", "--quiet", "aiohttp", "isal", "argon2-cffi"]
    as_user(user, pip).check_returncode()
    return f"{home}/venv/bin/python"


def environ(user: pwd.struct_passwd) -> dict[str, str]:
    kept = {key: os.environ[key] for key in os.environ if key.startswith(("PIP_", "SSL_", "HTTP"))}
    return {
        **kept,
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "PYTHONPATH": user.pw_dir,
    }


def as_user(user: pwd.struct_passwd, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        env=environ(user),
        cwd=user.pw_dir,
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.fixture
def engine_socket(user: pwd.struct_passwd, python: str, catalog: Path) -> Iterator[Path]:
    """The socket of an engine that the user has started in the home folder."""
    home = Path(user.pw_dir)
    shutil.copytree(catalog, home / "catalog", dirs_exist_ok=True)
    subprocess.run(["chown", "-R", user.pw_name, str(home / "catalog")], check=True)
    argv = [python, "-m", "lab.cli", "engine", "--root", f"{home}/engine"]
    argv += ["--socket", f"{home}/d.sock", "--catalog", f"{home}/catalog", "--until-stdin-closes"]
    process = subprocess.Popen(
        argv,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        env=environ(user),
        cwd=user.pw_dir,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    ready, _, _ = select.select([process.stdout], [], [], 30)
    assert ready and process.stdout.readline() == "ready\n"
    yield home / "d.sock"
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def test_a_users_engine(user: pwd.struct_passwd, engine_socket: Path) -> None:
    """Does a user's engine run containers, publish ports, and share a folder of a closed home?"""
    client = docker.DockerClient(base_url=f"unix://{engine_socket}")
    client.images.pull("nginx", "latest")
    site = Path(user.pw_dir) / "site"
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text("from home")
    os.chown(site, user.pw_uid, user.pw_gid)
    folder = f"{site}:/usr/share/nginx/html"
    web = client.containers.run("nginx", detach=True, volumes=[folder], ports={"80/tcp": None})
    web.reload()
    port = web.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    get = ["curl", "-s", f"http://127.0.0.1:{port}/"]
    page = until(lambda: subprocess.run(get, capture_output=True, text=True).stdout, what="a page")
    assert page == "from home"
    assert web.exec_run(["sh", "-c", "echo x > /usr/share/nginx/html/made"]).exit_code == 0
    assert (site / "made").stat().st_uid == user.pw_uid
    workers = web.exec_run(["sh", "-c", "cat /proc/[0-9]*/status"]).output.decode()
    assert "Uid:\t101" in workers
    client.close()


def test_a_users_volumes(user: pwd.struct_passwd, engine_socket: Path) -> None:
    """Is a volume filled from the image, and does `docker cp` reach it and a bound folder?"""
    client = docker.DockerClient(base_url=f"unix://{engine_socket}")
    client.images.pull("nginx", "latest")
    folder = Path(user.pw_dir) / "copied"
    folder.mkdir()
    os.chown(folder, user.pw_uid, user.pw_gid)
    made = client.containers.create(
        "nginx", "sleep 60", volumes=[f"{folder}:/b", "web:/usr/share/nginx/html"]
    )
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("new"))
    made.put_archive("/b", content.getvalue())
    made.start()
    made.put_archive("/usr/share/nginx/html", content.getvalue())
    said = made.exec_run("sh -c 'stat -c %u /b/new; ls /usr/share/nginx/html'").output.decode()
    assert said.split() == ["0", "50x.html", "index.html", "new"]
    assert (folder / "new").stat().st_uid == user.pw_uid
    made.remove(force=True)
    client.close()


def test_a_users_network(user: pwd.struct_passwd, engine_socket: Path) -> None:
    """Is there a way out, are there names, are namespaces shared, is a port of root's refused?"""
    client = docker.DockerClient(base_url=f"unix://{engine_socket}")
    client.images.pull("busybox", "latest")
    command = ["wget", "-qO-", "http://172.17.0.1:{}/"]
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(20)
        command[2] = command[2].format(server.getsockname()[1])
        asking = client.containers.run("busybox", command, detach=True)
        with server.accept()[0] as connection:
            assert connection.recv(3) == b"GET"
        asking.remove(force=True)
    web = client.containers.run("busybox", ["httpd", "-f", "-h", "/etc"], detach=True)
    for modes in ({"network_mode": f"container:{web.id}"}, {"network_mode": "host"}):
        shown = client.containers.run("busybox", "ls /sys/class/net", remove=True, **modes)
        assert (b"eth0" in shown) == (modes["network_mode"] != "host")
    seen = client.containers.run("busybox", "ps", remove=True, pid_mode=f"container:{web.id}")
    assert b"httpd -f" in seen
    network = client.networks.create("own", enable_ipv6=True)
    network.connect(web, aliases=["site"])
    page = ["sh", "-c", "wget -qO- http://site/hostname && nslookup site"]
    found = client.containers.run("busybox", page, network="own", remove=True).decode()
    assert found.startswith(web.short_id) and "Address: fd" in found
    web.remove(force=True)
    network.remove()
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) > 80:
        with pytest.raises(docker.errors.APIError, match="cannot expose privileged port 80"):
            client.containers.run("busybox", "true", ports={"80/tcp": 80})
    client.close()


def test_too_few_ids(user: pwd.struct_passwd, python: str) -> None:
    """Is a user without subordinate ids told so, what would help, and what the other way is?"""
    path = Path("/etc/subuid")
    before = path.read_text()
    kept = [line for line in before.splitlines(True) if not line.startswith(f"{user.pw_name}:")]
    path.write_text("".join([*kept, f"{user.pw_name}:300000:100\n"]))
    try:
        argv = [python, "-m", "lab.cli", "engine", "--root", f"{user.pw_dir}/few"]
        done = as_user(user, argv)
    finally:
        path.write_text(before)
    assert done.returncode == 1
    assert "has 100 subordinate ids in /etc/subuid; a sandbox needs 65536" in done.stderr
    assert "microVM" in done.stderr and "usermod --add-subuids" in done.stderr


def test_extension_as_a_user(user: pwd.struct_passwd, engine_socket: Path) -> None:
    """Are namespaces and processes told, and is a container's root the user on the host?"""
    client = docker.DockerClient(base_url=f"unix://{engine_socket}")
    client.images.pull("busybox", "latest")
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    extension = Extension(client)
    places = {place["Kind"]: place for place in extension.get("namespaces")["Places"]}
    inodes = [places[where]["Namespaces"]["net"] for where in ("host", "sandbox", "container")]
    assert len(set(inodes)) == 3
    (first,) = extension.get(f"containers/{container.id}/processes")["Processes"]
    assert first["Pid"]["Container"] == 1
    assert Path(f"/proc/{first['Pid']['Host']}/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert first["User"]["Host"] == user.pw_uid
    container.remove(force=True)
    client.close()


def test_a_users_workbench(user: pwd.struct_passwd, python: str) -> None:
    """Has a user's workbench many ids, a layer to write to, and children with namespaces?"""
    source = """
from lab.sandbox import Workbench
with Workbench("namespaces") as bench:
    bench.run('''
import os
from lab.kernel.flags import CLONE
from lab.kernel.syscalls import mount
for name in ("below", "above", "work", "root"):
    os.mkdir(f"/run/{name}")
mount("overlay", "/run/root", "overlay",
    data="lowerdir=/run/below,upperdir=/run/above,workdir=/run/work,userxattr")
open("/run/root/file", "w").close()
os.chown("/run/root/file", 33, 33)
continue_in_child(CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNS)
print(os.getpid(), os.listdir("/run/above"), os.path.exists("/home/x"))
''')
"""
    ran = as_user(user, [python, "-c", source])
    assert (ran.stdout, ran.stderr) == ("1 ['file'] False\n", "")
