"""What the Hub answers when it refuses: one table of codes, one error, one place that writes it."""

from __future__ import annotations

import errno
import logging
from enum import Enum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from lab.errors import InvalidParameter, LabError
from lab.oci import fields

_log = logging.getLogger(__name__)


class Code(Enum):
    """Code on the wire, message unless a better one is given, HTTP status.

    Source: distribution-spec 1.1, "Error Codes"; wording of the distribution project, which
    Docker's clients show as it is.
    """

    BLOB_UNKNOWN = ("BLOB_UNKNOWN", "blob unknown to registry", 404)
    BLOB_UPLOAD_INVALID = ("BLOB_UPLOAD_INVALID", "blob upload invalid", 400)
    BLOB_UPLOAD_UNKNOWN = ("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", 404)
    RANGE_INVALID = ("BLOB_UPLOAD_INVALID", "invalid content range", 416)
    DIGEST_INVALID = ("DIGEST_INVALID", "provided digest did not match uploaded content", 400)
    MANIFEST_BLOB_UNKNOWN = ("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", 400)
    MANIFEST_INVALID = ("MANIFEST_INVALID", "manifest invalid", 400)
    MANIFEST_TOO_LARGE = ("MANIFEST_INVALID", "manifest is larger than 4194304 bytes", 413)
    MANIFEST_UNKNOWN = ("MANIFEST_UNKNOWN", "manifest unknown", 404)
    NAME_INVALID = ("NAME_INVALID", "invalid repository name", 400)
    NAME_UNKNOWN = ("NAME_UNKNOWN", "repository name not known to registry", 404)
    TAG_INVALID = ("TAG_INVALID", "manifest tag did not match URI", 400)
    SIZE_INVALID = ("SIZE_INVALID", "provided length did not match content length", 400)
    PAGE_INVALID = ("PAGINATION_NUMBER_INVALID", "invalid number of results requested", 400)
    UNAUTHORIZED = ("UNAUTHORIZED", "authentication required", 401)
    DENIED = ("DENIED", "requested access to the resource is denied", 403)
    UNSUPPORTED = ("UNSUPPORTED", "The operation is unsupported.", 405)
    NO_SPACE = ("UNKNOWN", "no space left on device", 507)
    UNKNOWN = ("UNKNOWN", "unknown error", 500)

    def __init__(self, wire: str, message: str, status: int) -> None:
        self.wire = wire
        self.message = message
        self.status = status


class Refused(LabError):
    """The Hub refuses a request; `detail` is any JSON that helps the client to see why."""

    def __init__(
        self,
        code: Code,
        message: str = "",
        detail: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message or code.message)
        self.code = code
        self.detail = detail
        self.headers = headers or {}


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write every failure as the JSON that the specification asks for."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _http(error)
    except Exception as error:
        response = _refusal(_translate(error))
    return response


def _translate(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(Code.NO_SPACE)
    if isinstance(error, ConnectionError):
        # the client is gone: nobody will read this, and it is not the Hub's failure
        return Refused(Code.BLOB_UPLOAD_INVALID, "connection lost")
    if isinstance(error, InvalidParameter):
        return Refused(Code.UNKNOWN, error.message)
    _log.error("the Hub failed to answer", exc_info=error)
    return Refused(Code.UNKNOWN)


def _refusal(error: Refused) -> web.Response:
    entry = {"code": error.code.wire, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    return json_response({"errors": [entry]}, error.code.status, error.headers)


def _http(error: web.HTTPException) -> web.Response:
    """Shape aiohttp's own refusals (no such route, method not allowed, bad header) alike."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    entry = {"code": Code.UNSUPPORTED.wire, "message": error.reason}
    return json_response({"errors": [entry]}, error.status, headers)


def json_response(
    content: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
    media_type: str = "application/json",
) -> web.Response:
    """Return JSON.  Without a charset, which JSON has no need of and the specification refuses."""
    headers = {"Content-Type": media_type, **(headers or {})}
    return web.Response(status=status, body=fields.dump(content), headers=headers)
