"""From records to a plan, and what each step settles."""

from __future__ import annotations

import pytest

from lab.build.args import BuildArgs
from lab.build.healthcheck import duration, go_duration
from lab.build.parser import parse
from lab.build.plan import BuildOptions, Plan, make_plan
from lab.build.ports import exposed_ports
from lab.build.state import DEFAULT_PATH, RunCommand, begin
from lab.build.steps import settle
from lab.errors import BuildError, Unsupported
from lab.oci.image_config import ContainerConfig


def plan_of(text: str, **options: object) -> Plan:
    return make_plan(parse(text.encode()), BuildOptions(**options))  # type: ignore[arg-type]


def settled(text: str, config: ContainerConfig | None = None) -> ContainerConfig:
    """Return the settings after all steps of `FROM a` and `text`."""
    plan = plan_of(f"FROM a\n{text}")
    state = begin(config or ContainerConfig(), BuildArgs(), plan.escape)
    for step in plan.stages[0].steps:
        state, _ = settle(step.instruction, state)
    return state.config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FOO bar", "unknown instruction: FOO"),
        ("foo", "unknown instruction: FOO"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1x",
            'invalid name for build stage: "1x", name can\'t start with a number or contain symbols',
        ),
        ("RUN", "RUN requires at least one argument"),
        ("RUN []", "RUN requires at least one argument"),
        ("RUN --foo=x y", "Unknown flag: foo"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =b", "ENV names can not be blank"),
        ("LABEL =b", "LABEL names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =1", "ARG names can not be blank"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("SHELL sh -c", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("COPY --chown a b", "Missing a value on flag: chown"),
        ("ADD --from=x a b", "Unknown flag: from"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD from a", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK curl x", 'Unknown type "CURL" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=5 CMD x", 'time: missing unit in duration "5"'),
        ("HEALTHCHECK --timeout=x CMD x", 'time: invalid duration "x"'),
        (
            "HEALTHCHECK --interval=1us CMD x",
            'Interval "interval" cannot be less than 1ms',
        ),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ("COPY --chown=a --chown=b c d", "Duplicate flag specified: chown"),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided."
            " Destination could not be determined",
        ),
    ],
)
def test_error_has_dockers_words_and_the_line(line: str, message: str) -> None:
    """Does a wrong line 7 say so?"""
    with pytest.raises(BuildError) as caught:
        plan_of(f"FROM a\n\n# x\nRUN a \\\n b\n\n{line}\n")
    assert caught.value.message == f"dockerfile parse error line 7: {message}"
    assert caught.value.line == 7


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("COPY --link a b", "--link"),
        ("ADD --checksum=sha256:0 a b", "--checksum"),
        ("RUN --mount=type=cache,target=/x y", "the --mount option requires BuildKit"),
        ("RUN --network=none y", "--network"),
    ],
)
def test_what_is_not_there_is_refused_by_name_and_line(line: str, name: str) -> None:
    """Does the refusal name the instruction or option, and the line?"""
    with pytest.raises(Unsupported) as caught:
        plan_of(f"FROM a\n\n{line}\n")
    assert name in caught.value.message
    assert "line 3" in caught.value.message


def test_steps_are_numbered_as_docker_does() -> None:
    """Do ARGs before FROM and labels of the command line count?"""
    plan = plan_of("ARG A\nFROM a\nRUN b\n", labels={"y": "1", "x": "2"})
    assert plan.total == 5
    (stage,) = plan.stages
    assert [step.number for step in (*plan.before, stage.base, *stage.steps)] == [1, 2, 3, 4, 5]
    assert [step.instruction.text for step in stage.steps] == ["RUN b", "LABEL x=2", "LABEL y=1"]


def test_stages_up_to_the_target_are_built() -> None:
    """Are later stages left out, also of the count, and do labels go to the target?"""
    text = "FROM a AS one\nRUN x\nFROM one AS two\nCOPY --from=0 a b\nFROM c\n"
    plan = plan_of(text, target="TWO", labels={"l": "1"})
    assert [stage.source.name for stage in plan.stages] == ["one", "two"]
    assert plan.total == 5
    assert [step.number for step in plan.stages[1].steps] == [4, 5]
    assert plan.stages[1].steps[-1].instruction.text == "LABEL l=1"
    assert plan_of(text).total == 5


def test_target_is_found_whatever_its_case() -> None:
    """Does `--target` find the stage, and fail for another name?"""
    assert plan_of("FROM a AS Web", target="wEB").stages[0].source.image == "a"
    with pytest.raises(BuildError, match="failed to reach build target web in Dockerfile"):
        plan_of("FROM a", target="web")


def test_env_sees_the_variables_from_before_its_line() -> None:
    """Does `ENV a=1 b=$a` use the old a, and is the order of the environment kept?"""
    config = settled("ENV a=0 c=3\nENV a=1 b=$a\n")
    assert config.env == (f"PATH={DEFAULT_PATH}", "a=1", "c=3", "b=0")


def test_path_of_the_base_image_is_kept() -> None:
    """Is a PATH added only where there is none?"""
    assert settled("ENV a=1", ContainerConfig(env=("PATH=/x",))).env == ("PATH=/x", "a=1")


def test_entrypoint_takes_back_the_command_of_the_base_only() -> None:
    """Is CMD reset by ENTRYPOINT unless this Dockerfile set it?"""
    base = ContainerConfig(cmd=("old",), entrypoint=("e",))
    assert settled('ENTRYPOINT ["x"]', base).cmd is None
    assert settled('CMD ["new"]\nENTRYPOINT ["x"]', base).cmd == ("new",)
    assert settled('CMD []\nENTRYPOINT ["x"]', base).cmd is None
    assert settled("ENTRYPOINT []", base).entrypoint is None


def test_expose_adds_to_the_ports_of_the_base() -> None:
    """Are ports united and sorted?"""
    config = settled(
        "ENV P='53/udp 90-91'\nEXPOSE $P 80", ContainerConfig(exposed_ports=("1/tcp",))
    )
    assert config.exposed_ports == ("1/tcp", "53/udp", "80/tcp", "90/tcp", "91/tcp")


def test_run_gets_arguments_hidden_by_the_environment() -> None:
    """Do build arguments reach RUN and the history, predefined ones only RUN?"""
    plan = plan_of("FROM a\nARG A=1 B=2\nENV B=env\nRUN x\n")
    given = {"A": "given", "HTTP_PROXY": "proxy"}
    state = begin(ContainerConfig(entrypoint=("e",)), BuildArgs(given=given), "\\")
    for step in plan.stages[0].steps:
        state, action = settle(step.instruction, state)
    assert isinstance(action, RunCommand)
    assert action.config.env == (
        f"PATH={DEFAULT_PATH}",
        "B=env",
        "A=given",
        "HTTP_PROXY=proxy",
    )
    assert action.command == ("|1", "A=given", "/bin/sh", "-c", "x")
    assert action.config.entrypoint is None
    assert action.config.healthcheck == {"Test": ["NONE"]}
    assert state.config.env == (f"PATH={DEFAULT_PATH}", "B=env")


@pytest.mark.parametrize("name", ["9", "SIGKILL", "kill", "SIGRTMIN+3", "rtmax-14", "RTMIN"])
def test_signals_that_docker_knows(name: str) -> None:
    """Is the signal kept as written?"""
    assert settled(f"STOPSIGNAL {name}").stop_signal == name


@pytest.mark.parametrize("name", ["0", "SIGNONE", "RTMIN+16", "RTMAX-15", "RTMIN+", "-"])
def test_signals_that_docker_does_not_know(name: str) -> None:
    """Is the signal refused?"""
    with pytest.raises(BuildError, match="Invalid signal: "):
        settled(f"STOPSIGNAL {name}")


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ("80", ["80/tcp"]),
        ("080/TCP", ["80/tcp"]),
        ("80/", ["80/tcp"]),
        ("53/udp", ["53/udp"]),
        ("7-9/sctp", ["7/sctp", "8/sctp", "9/sctp"]),
        ("8080:80", ["80/tcp"]),
        ("1.2.3.4:8080:80", ["80/tcp"]),
        ("[::1]:8080:80", ["80/tcp"]),
        ("8000-8001:80", ["80/tcp"]),
        ("0", ["0/tcp"]),
    ],
)
def test_ports(spec: str, ports: list[str]) -> None:
    """Does EXPOSE understand this form?"""
    assert exposed_ports(spec) == ports


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("abc", "Invalid containerPort: abc"),
        ("65536", "Invalid containerPort: 65536"),
        ("-1", "Invalid containerPort: -1"),
        ("10-5", "Invalid containerPort: 10-5"),
        ("1e3", "Invalid containerPort: 1e3"),
        ("²", "Invalid containerPort: ²"),
        ("80/foo", "Invalid proto: foo"),
        ("x:80", "Invalid hostPort: x"),
        ("x:1:80", "Invalid ip address: x"),
        ("1-2:3-5", "Invalid ranges specified for container and host Ports: 3-5 and 1-2"),
        ("/tcp", "No port specified: /tcp<empty>"),
    ],
)
def test_wrong_ports(spec: str, message: str) -> None:
    """Is it refused in Docker's words?"""
    with pytest.raises(BuildError) as caught:
        exposed_ports(spec)
    assert caught.value.message == message


def test_settings_of_the_less_common_instructions() -> None:
    """Do HEALTHCHECK, ONBUILD and VOLUME land in the settings?"""
    config = settled(
        'ARG v=/d\nVOLUME $v /a\nVOLUME ["/x y"]\nONBUILD RUN a\nONBUILD  COPY . /\n'
        "HEALTHCHECK --interval=1m30s --start-period=1.5s --retries=3 CMD curl x\n"
    )
    assert config.volumes == ("/a", "/d", "/x y")
    assert config.on_build == ("RUN a", "COPY . /")
    assert config.healthcheck == {
        "Test": ["CMD-SHELL", "curl x"],
        "Interval": 90_000_000_000,
        "StartPeriod": 1_500_000_000,
        "Retries": 3,
    }
    assert settled('HEALTHCHECK CMD ["a", "b"]').healthcheck == {"Test": ["CMD", "a", "b"]}
    assert settled("HEALTHCHECK none").healthcheck == {"Test": ["NONE"]}


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1_500, "1.5µs"),
        (250_000_000, "250ms"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
    ],
)
def test_durations_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    """Is the shortest unit that fits used, and read back?"""
    assert go_duration(nanoseconds) == text
    assert duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("RUN <<EOF\necho a\n  echo $b\nEOF\n", "echo a\n  echo $b\n"),
        ("RUN <<-'X'\n\techo a\n\tX\n", "echo a\n"),
        ("RUN cat <<A - <<B\n1\nA\n2\nB\n", "cat <<A - <<B\n1\nA\n2\nB\n"),
        ("RUN <<E\n#!/bin/x -y\nz\nE\n", "/bin/x -y /dev/fd/3 3<<'EOF'\n#!/bin/x -y\nz\nEOF\n"),
    ],
)
def test_here_documents_become_the_shells_text(text: str, command: str) -> None:
    """What does the shell run for a RUN with a here-document?"""
    (step,) = plan_of(f"FROM a\n{text}").stages[0].steps
    assert step.instruction.command == (command,)  # type: ignore[attr-defined]


def test_here_document_that_does_not_end() -> None:
    """Is it refused, with the line where it begins?"""
    with pytest.raises(BuildError, match="unterminated heredoc") as caught:
        plan_of("FROM a\nRUN <<EOF\nb\n")
    assert caught.value.line == 2
