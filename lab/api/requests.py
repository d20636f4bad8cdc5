"""The body of ContainerCreate: checked, and completed with Docker's defaults."""

from __future__ import annotations

from lab.engine import health
from lab.engine.endpoint_settings import parse_networking
from lab.engine.settings import CONFIG_DEFAULTS, HOST_DEFAULTS
from lab.engine.signals import parse_signal
from lab.engine.state import Attachment
from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

_TEXTS = ("Hostname", "Domainname", "User", "Image", "WorkingDir", "StopSignal")
_FLAGS = ("AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce")
_LISTS = ("Env", "Cmd", "Entrypoint")
_MAPS = ("ExposedPorts", "Volumes")


def parse_create(body: Json) -> tuple[Json, Json, list[Attachment]]:
    """Return Config and HostConfig of a request, and its places in networks.

    Raises InvalidParameter for wrong types and values, Unsupported for what cannot be done yet.
    """
    config, host = parse_config(body), _host(fields.obj(body, "HostConfig"))
    if not config["Image"]:
        raise InvalidParameter("config.Image cannot be empty")
    networking, mac = fields.obj(body, "NetworkingConfig"), fields.text(body, "MacAddress")
    return config, host, parse_networking(networking, host, mac)


def parse_config(body: Json) -> Json:
    """Return the Config in a request, complete; InvalidParameter for wrong types and values."""
    config = dict(CONFIG_DEFAULTS)
    config.update({key: text for key in _TEXTS if (text := fields.text(body, key))})
    config.update({key: fields.boolean(body, key) for key in _FLAGS})
    config.update({key: _words(body, key) for key in _LISTS if body.get(key) is not None})
    config.update({key: value for key in _MAPS if (value := fields.obj(body, key))})
    config["Labels"] = dict(fields.text_map(body, "Labels"))
    if (check := health.parse(fields.obj(body, "Healthcheck"))) is not None:
        config["Healthcheck"] = check
    if body.get("StopTimeout") is not None:
        config["StopTimeout"] = fields.integer(body, "StopTimeout")
    _check(config)
    return config


def _check(config: Json) -> None:
    for entry in config["Env"]:
        if not entry or entry.startswith("="):
            raise InvalidParameter(f"invalid environment variable: {entry}")
    folder = config["WorkingDir"]
    if folder and not folder.startswith("/"):
        raise InvalidParameter(
            f"the working directory '{folder}' is invalid, it needs to be an absolute path"
        )
    if config.get("StopSignal"):
        parse_signal(config["StopSignal"])


def _words(body: Json, key: str) -> list[str]:
    # one string instead of a list is an old form, which clients still use
    value = body[key]
    return [value] if isinstance(value, str) else fields.texts(body, key)


def _host(source: Json) -> Json:
    host = dict(HOST_DEFAULTS)
    host.update({key: value for key, value in source.items() if value is not None})
    if not isinstance(host["PortBindings"], dict):
        raise InvalidParameter("PortBindings must be an object")
    if host["NetworkMode"] in ("", "default"):
        host["NetworkMode"] = "bridge"
    size = host["ConsoleSize"]
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size)):
        raise InvalidParameter("ConsoleSize must be two numbers")
    if host["MemorySwappiness"] == -1:
        host["MemorySwappiness"] = None
    if not fields.text(fields.obj(host, "LogConfig"), "Type"):
        options = fields.text_map(fields.obj(host, "LogConfig"), "Config")
        host["LogConfig"] = {**HOST_DEFAULTS["LogConfig"], "Config": dict(options)}
    if host["Privileged"]:
        host["MaskedPaths"] = host["ReadonlyPaths"] = None
    # clients write "nothing in particular" as an empty value
    for key in ("IpcMode", "CgroupnsMode", "Runtime", "ShmSize"):
        host[key] = host[key] or HOST_DEFAULTS[key]
    memory = fields.integer(host, "Memory")
    if memory > 0 and not host["MemorySwap"]:
        host["MemorySwap"] = 2 * memory
    return host
