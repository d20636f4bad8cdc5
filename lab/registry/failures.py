"""From what a registry answered, or how it could not be reached, to the lab's errors.

The wording is that of Docker's engine, which its users search the web for.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.client_exceptions import UnixClientConnectorError
from yarl import URL

from lab.errors import Forbidden, LabError, NotFound, RegistryError, Unauthorized
from lab.oci.reference import Reference
from lab.registry.challenge import Challenge, parse_challenges
from lab.registry.errors import Code

BROKEN = (aiohttp.ClientError, OSError, TimeoutError)
"""How a connection that cannot be made, or breaks, shows itself."""

_UNTRUSTED = "certificate signed by unknown authority"
_UNKNOWN_SIGNERS = (18, 19, 20, 21)
"""Self-signed, or signed by somebody whom this machine does not know.  Source: X509_V_ERR_*."""

_MAX_BODY = 64 * 1024
_BY_CHALLENGE = {"invalid_token": Code.UNAUTHORIZED, "insufficient_scope": Code.DENIED}
_BY_STATUS = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}
_MESSAGES = {
    **{code.wire: code.message for code in reversed(Code)},
    "TOOMANYREQUESTS": "too many requests",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal: HTTP status with its phrase, and the first error named (maybe none)."""

    status: int
    reason: str
    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        if not self.code:
            return f"received unexpected HTTP status: {self.status} {self.reason}".rstrip()
        return f"{self.code.lower().replace('_', ' ')}: {self.message}"


async def read_answer(response: aiohttp.ClientResponse) -> Answer:
    """Read a refusal; at most 64 KiB of its body count."""
    body = bytearray()
    try:
        async for data in response.content.iter_any():
            body += data
            if len(body) > _MAX_BODY:
                break
    except BROKEN:
        pass  # the status says enough
    challenges = parse_challenges(response.headers.getall("WWW-Authenticate", ()))
    named = next(_named_errors(response.status, challenges, bytes(body)), ("", ""))
    code, message = named
    return Answer(
        response.status,
        response.reason or "",
        code,
        message or _MESSAGES.get(code, "unknown error"),
    )


def as_error(answer: Answer) -> LabError:
    """Return the error that a refusal amounts to."""
    text = str(answer)
    if answer.code == "DENIED":
        return Forbidden(text)
    if answer.code == "UNAUTHORIZED":
        return Unauthorized(text)
    if answer.code.endswith("_UNKNOWN") and answer.status == 404:
        return NotFound(text)
    return RegistryError(text, answer.status)


def as_pull_error(answer: Answer, reference: Reference) -> LabError:
    """Return the error for a manifest that could not be had."""
    name, text = reference.familiar_name, str(answer)
    if answer.code == "DENIED":
        return NotFound(
            f"pull access denied for {name}, repository does not exist or may require"
            f" 'docker login': {text}"
        )
    if answer.code == "NAME_UNKNOWN":
        return NotFound(f"repository {name} not found: {text}")
    if answer.code == "MANIFEST_UNKNOWN":
        return NotFound(f"manifest for {reference.familiar()} not found: {text}")
    if answer.status == 404:
        unknown = Answer(404, answer.reason, "MANIFEST_UNKNOWN", _MESSAGES["MANIFEST_UNKNOWN"])
        return NotFound(f"manifest for {reference.familiar()} not found: {unknown}")
    return as_error(answer)


def unreachable(method: str, url: URL, error: BaseException) -> RegistryError:
    """Return the error (status 0) for a request that got no answer, or only a part of one."""
    return RegistryError(f'{method.capitalize()} "{url}": {cause(error)}')


def no_address(text: str, error: ValueError) -> RegistryError:
    """Return the error (status 0) for an endpoint's URL that leads nowhere, as Docker words it."""
    host, colon, port = text.partition("://")[2].rpartition(":")
    reason = str(error).lower()
    if isinstance(error, UnicodeError):
        reason = f"dial tcp: lookup {host if colon else port}: no such host"
    elif port.isdecimal() and reason.startswith("port"):
        reason = f"dial tcp: address {port}: invalid port"
    return RegistryError(f'Get "{text}/v2/": {reason}')


def _named_errors(
    status: int, challenges: Iterable[Challenge], body: bytes
) -> Iterator[tuple[str, str]]:
    """Yield code and message of all errors in an answer, the one that counts first."""
    for challenge in challenges:
        code = _BY_CHALLENGE.get(challenge.get("error"))
        if code:
            yield code.wire, challenge.get("error_description")
    content = _json_object(body)
    if isinstance(content.get("details"), str):
        yield _BY_STATUS.get(status, "UNKNOWN"), content["details"]
    errors = content.get("errors")
    for entry in errors if isinstance(errors, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("code"), str):
            message = entry.get("message")
            yield entry["code"], message if isinstance(message, str) else ""
    if status in _BY_STATUS:
        yield _BY_STATUS[status], ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def cause(error: BaseException) -> str:
    """Return the reason in the words of Go's network library, as Docker shows it."""
    match error:
        case UnixClientConnectorError():
            return f"dial unix {error.path}: connect: {_strerror(error)}"
        case aiohttp.ClientConnectorDNSError():
            known = error.os_error.errno in (socket.EAI_NONAME, -5)
            reason = "no such host" if known else _strerror(error)
            return f"dial tcp: lookup {error.host}: {reason}"
        case aiohttp.ClientConnectorCertificateError():
            code = getattr(error.certificate_error, "verify_code", 0)
            reason = getattr(error.certificate_error, "verify_message", str(error))
            told = _UNTRUSTED if code in _UNKNOWN_SIGNERS else reason
            return f"tls: failed to verify certificate: x509: {told}"
        case ssl.SSLError() if "WRONG_VERSION_NUMBER" in str(error):
            return "http: server gave HTTP response to HTTPS client"
        case aiohttp.ClientConnectorError():
            return f"dial tcp {error.host}:{error.port}: connect: {_strerror(error)}"
        case TimeoutError():
            return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        case aiohttp.ServerDisconnectedError():
            return "EOF"
        case aiohttp.ClientPayloadError():
            return "unexpected EOF"
        case OSError():
            return _strerror(error)
    return str(error) or type(error).__name__


def _strerror(error: OSError) -> str:
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()
