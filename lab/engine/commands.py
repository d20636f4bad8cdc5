"""What a container runs, and with which settings: the client's wishes upon the image's."""

from __future__ import annotations

from lab.engine import health
from lab.errors import InvalidParameter
from lab.oci.fields import Json
from lab.oci.image_config import ContainerConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def complete(config: Json, image: ContainerConfig) -> Json:
    """Return `config` (Docker's Config, with defaults) with what the image adds to it.

    As Docker: lists of ports, labels and volumes are joined, the environment too, the client's
    value first; an entrypoint of the client's drops the image's command.
    """
    merged = dict(config)
    merged["User"] = config["User"] or image.user
    merged["WorkingDir"] = config["WorkingDir"] or image.working_dir
    merged["Labels"] = {**image.labels, **config["Labels"]}
    ports = {**{port: {} for port in image.exposed_ports}, **(config.get("ExposedPorts") or {})}
    if ports:
        merged["ExposedPorts"] = ports
    volumes = {**{path: {} for path in image.volumes}, **(config["Volumes"] or {})}
    merged["Volumes"] = volumes or None
    merged["Env"] = merge_env(config["Env"], image.env)
    if image.stop_signal and not config.get("StopSignal"):
        merged["StopSignal"] = image.stop_signal
    check = health.merge(config.get("Healthcheck"), image.healthcheck)
    if check is not None:
        merged["Healthcheck"] = check
    if image.shell is not None and not config.get("Shell"):
        merged["Shell"] = list(image.shell)
    if config["Entrypoint"] is None:
        if config["Cmd"] is None and image.cmd is not None:
            merged["Cmd"] = list(image.cmd)
        if image.entrypoint is not None:
            merged["Entrypoint"] = list(image.entrypoint)
    return merged


def merge_env(wanted: list[str], image: tuple[str, ...]) -> list[str]:
    """Return the client's variables, then those of the image that they do not set."""
    named = {entry.partition("=")[0] for entry in wanted}
    return [*wanted, *(entry for entry in image if entry.partition("=")[0] not in named)]


def split(config: Json) -> tuple[str, list[str]]:
    """Return the program and its arguments; InvalidParameter if there is none."""
    argv = [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]
    # `--entrypoint ""` arrives as one empty word, and means none
    if config["Entrypoint"] in ([""], []):
        argv = list(config["Cmd"] or ())
    if not argv or not argv[0]:
        raise InvalidParameter("no command specified")
    return argv[0], argv[1:]


def environment(config: Json) -> tuple[str, ...]:
    """Return the variables that the process gets: Docker's own first, then the container's.

    An entry without `=` asks for that variable to be taken away.
    """
    base = {"PATH": DEFAULT_PATH, "HOSTNAME": config["Hostname"]}
    if config["Tty"]:
        base["TERM"] = "xterm"
    for entry in config["Env"]:
        name, equals, value = entry.partition("=")
        if equals:
            base[name] = value
        else:
            base.pop(name, None)
    return tuple(f"{name}={value}" for name, value in base.items())
