"""What may happen to a container in which state, and its record."""

from __future__ import annotations

import json

import pytest

from lab.engine.state import NEVER, Attachment, Record, State, Status, check, moment
from lab.errors import Conflict

POSSIBLE = {
    "start": {"created", "exited"},
    "exec": {"running"},
    "kill": {"running", "paused", "restarting"},
    "pause": {"running"},
    "top": {"running", "paused"},
    "remove": {"created", "exited", "dead"},
}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("action", list(POSSIBLE))
def test_the_table(action: str, status: Status) -> None:
    """Is every action possible in the states that Docker allows, and a conflict in all others?"""
    if status in POSSIBLE[action]:
        check(action, "x", status)
    else:
        with pytest.raises(Conflict):
            check(action, "x", status)


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        ("start", Status.REMOVING, "container is marked for removal and cannot be started"),
        ("start", Status.PAUSED, "cannot start a paused container, try unpause instead"),
        ("exec", Status.EXITED, "container x is not running"),
        ("exec", Status.PAUSED, "Container x is paused, unpause the container before exec"),
        ("pause", Status.PAUSED, "Container x is already paused"),
        (
            "pause",
            Status.RESTARTING,
            "Container x is restarting, wait until the container is running",
        ),
        ("kill", Status.CREATED, "container x is not running"),
        (
            "remove",
            Status.RUNNING,
            "container is running: stop the container before removing or force remove",
        ),
        ("remove", Status.REMOVING, "removal of container x is already in progress"),
    ],
)
def test_wording(action: str, status: Status, message: str) -> None:
    """Are the words Docker's?"""
    with pytest.raises(Conflict) as raised:
        check(action, "x", status)
    assert raised.value.message == message


def test_a_record_survives_storage() -> None:
    """Is a record the same after it was stored and read?"""
    record = Record(
        id="a" * 64,
        name="é",
        created=moment(0),
        image="sha256:0",
        image_name="busybox",
        config={"Env": ["A=b"]},
        host={},
        args=["x"],
        state=State(status=Status.EXITED, exit_code=137, oom_killed=True),
        networks=[Attachment("bridge", address="172.17.0.2", prefix_length=16)],
        ports={"80/tcp": [{"HostIp": "", "HostPort": "1"}], "81/tcp": None},
    )
    again = Record.from_json(json.loads(json.dumps(record.to_json())))
    assert again == record
    assert again.state.status is Status.EXITED


def test_docker_s_form_of_a_state() -> None:
    """Are the flags beside the status those that go with it?"""
    shown = State(status=Status.PAUSED, pid=7).to_json()
    assert (shown["Status"], shown["Running"], shown["Paused"]) == ("paused", True, True)
    shown = State(status=Status.DEAD).to_json()
    assert (shown["Running"], shown["Dead"], shown["StartedAt"]) == (False, True, NEVER)


def test_moments_compare_as_text() -> None:
    """Has every moment the same length, nine decimals, and the order of time?"""
    moments = [moment(seconds) for seconds in (0, 0.000001, 1.5, 1e9, 1.7e9)]
    assert moments[0] == "1970-01-01T00:00:00.000000000Z"
    assert moments == sorted(moments) and {len(each) for each in moments} == {30}
