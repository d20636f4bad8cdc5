"""How an image came about, from the extension and from Docker's own API."""

from __future__ import annotations

import pytest

from lab.widgets.history import Step, chain_ids, from_docker, from_extension, instruction

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")


def docker_history(*steps: tuple[str, int]) -> list[dict[str, object]]:
    """What GET /images/NAME/history answers: the latest first."""
    return [
        {"CreatedBy": command, "Size": size, "Created": 1_700_000_000}
        for command, size in reversed(steps)
    ]


@pytest.mark.parametrize(
    ("created_by", "shown"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c #(nop) ADD file:ab12 in / ", "ADD file:ab12 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN make", "RUN make"),
        ("", ""),
    ],
)
def test_instruction(created_by: str, shown: str) -> None:
    """Is a history's text shown as the Dockerfile had it?"""
    assert instruction(created_by) == shown


def test_chain_ids() -> None:
    """Are they those of the OCI specification: the base's own, then hashes of chain and layer?"""
    base, second = chain_ids([A, B])
    assert base == A
    assert second == "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"
    assert chain_ids([A, B, C])[:2] == [base, second]
    assert chain_ids([C, B])[1] != second


def test_docker_sizes_tell_which_steps_made_layers() -> None:
    """Are steps with a size numbered from the base, and settings not?"""
    history = docker_history(("ADD rootfs /", 70), ('CMD ["sh"]', 0), ("RUN make", 5))
    steps = from_docker(history, [A, B])
    assert [(step.number, step.command, step.size) for step in steps] == [
        (1, "ADD rootfs /", 70),
        (0, 'CMD ["sh"]', 0),
        (2, "RUN make", 5),
    ]
    assert [step.chain for step in steps if step.number] == chain_ids([A, B])
    assert steps[0].created == "2023-11-14T22:13:20Z"


def test_docker_layers_without_size() -> None:
    """Is a layer of no bytes given to the first instruction that can have made it?"""
    history = docker_history(("ADD rootfs /", 70), ("ENV A=1", 0), ("WORKDIR /app", 0))
    assert [step.number for step in from_docker(history, [A, B])] == [1, 0, 2]


def test_docker_history_that_does_not_fit() -> None:
    """Are layers told without a history, rather than with a wrong one?"""
    history = docker_history(("ADD rootfs /", 70), ("RUN make", 5))
    steps = from_docker(history, [A, B, C])
    assert [(step.number, step.command, step.size) for step in steps] == [
        (1, "", None),
        (2, "", None),
        (3, "", None),
    ]


def test_extension_steps() -> None:
    """Are the extension's members taken over, and settings without a layer?"""
    steps = from_extension(
        [
            {
                "Number": 1,
                "DiffId": A,
                "ChainId": A,
                "Digest": C,
                "Size": 7,
                "Created": "2024-01-01T00:00:00Z",
                "CreatedBy": "/bin/sh -c #(nop) ADD rootfs /",
                "Empty": False,
                "SharedWith": ["nginx:latest"],
            },
            {"Created": "2024-01-02T00:00:00Z", "CreatedBy": 'CMD ["sh"]', "Empty": True},
        ]
    )
    assert steps == [
        Step(1, "ADD rootfs /", "2024-01-01T00:00:00Z", A, A, 7, ("nginx:latest",)),
        Step(0, 'CMD ["sh"]', "2024-01-02T00:00:00Z"),
    ]
