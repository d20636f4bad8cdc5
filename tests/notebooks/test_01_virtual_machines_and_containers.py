"""Lesson 01: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def kernel_of_the_host(ran: Ran) -> str:
    found = re.search(r"Kernel Version: (\S+)", ran.output("host-kernel"))
    assert found
    return found[1]


def rows(ran: Ran, cell: str) -> dict[tuple[str, int], dict[str, float]]:
    """Return the numbers of a table of measurements, by kind and count."""
    names = ("start", "stop", "memory", "disk", "work")
    found = {}
    for line in ran.output(cell).splitlines()[1:]:
        kind, count, *numbers = line.split()[:7]
        found[kind, int(count)] = dict(zip(names, map(float, numbers), strict=True))
    return found


def test_a_virtual_machine_was_booted(ran: Ran) -> None:
    """Has it a kernel and processes of its own, and is it one process of the hypervisor outside?"""
    inside = ran.output("vm-inside")
    assert re.match(r"\d+\.\d+\.\S+\n", inside)
    assert "[kthreadd]" in inside and "Mem:" in inside
    assert "qemu-system" in ran.output("hypervisor")
    before, after = re.findall(r"processor ([\d.]+) seconds", ran.output("hypervisor"))
    assert float(after) > float(before)
    assert ran.cell("switch-off").outputs[0].data["text/plain"] == "False"


def test_containers_have_the_hosts_kernel(ran: Ran) -> None:
    """Do containers of two images say the kernel that docker info names, and files of their own?"""
    kernel = kernel_of_the_host(ran)
    lines = ran.output("container-kernel").split("\n")
    assert [line.strip() for line in lines if line.strip()][:2] == [kernel, kernel]
    assert "Debian" in ran.output("container-kernel")
    first, second = [line.split()[0] for line in ran.output("same-twice").splitlines() if line]
    assert first == second and len(first) == 64


def test_measured_as_the_texts_say(ran: Ran) -> None:
    """Do containers start quicker than machines, share their disk, and machines take memory each?"""
    light, all_of_them = rows(ran, "measure-light"), rows(ran, "measure-vm")
    assert {key for key in light} == {(k, n) for k in ("process", "container") for n in (1, 2, 5)}
    container, five = light["container", 1], light["container", 5]
    assert five["disk"] < container["disk"] * 1.1
    vm = all_of_them["vm", 1]
    assert vm["start"] > container["start"]
    # an engine in a microVM has its containers there as well
    bare = light["process", 1] if ran.variant.sandbox == "vm" else container
    assert vm["work"] > bare["work"]
    assert vm["memory"] > container["memory"] * 3
    if ("vm", 2) in all_of_them:
        assert all_of_them["vm", 2]["memory"] > vm["memory"] * 1.5
        assert all_of_them["vm", 2]["disk"] > vm["disk"] * 1.2


def test_two_versions_side_by_side(ran: Ran) -> None:
    """Does one program break whichever version is there, and do both work in containers?"""
    conflict = ran.output("conflict")
    assert "hello old program" in conflict and "hello hello new program" in conflict
    assert conflict.count("TypeError: greet()") == 2
    together = ran.output("side-by-side")
    assert "hello old program" in together and "hello hello new program" in together
    assert "TypeError" not in together


def test_an_image_in_standard_files(ran: Ran) -> None:
    """Are index, manifest and configuration what the standard calls so?"""
    assert {"index.json", "oci-layout"} <= set(ran.output("save").split())
    files = ran.output("oci")
    assert "application/vnd.oci.image.manifest.v1+json" in files
    assert '"layers"' in files and '"Cmd"' in files and '"architecture"' in files
