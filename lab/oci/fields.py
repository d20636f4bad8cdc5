"""Reading JSON that others wrote: each helper returns a checked value or raises InvalidParameter."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from lab.errors import InvalidParameter

Json = dict[str, Any]

_MAX_INTEGER = (1 << 63) - 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def load_object(content: bytes | str, what: str) -> Json:
    """Return the JSON object in `content`; `what` names it in the error."""
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
        if _SURROGATE.search(content if isinstance(content, str) else content.decode()):
            value = _without_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameter(f"{what} is not a JSON object")
    return value


def text(source: Json, key: str, default: str = "") -> str:
    """Return the string under `key`; null and absence give `default`."""
    return cast(str, _typed(source, key, str, default, "a string"))


def integer(source: Json, key: str, default: int = 0) -> int:
    """Return the integer under `key`; null and absence give `default`."""
    value = source.get(key)
    if isinstance(value, bool):
        raise InvalidParameter(f"{key} must be an integer")
    number = cast(int, _typed(source, key, int, default, "an integer"))
    if abs(number) > _MAX_INTEGER:
        raise InvalidParameter(f"{key} must be an integer of 64 bits")
    return number


def boolean(source: Json, key: str, default: bool = False) -> bool:
    """Return the boolean under `key`; null and absence give `default`."""
    return cast(bool, _typed(source, key, bool, default, "a boolean"))


def obj(source: Json, key: str) -> Json:
    """Return the object under `key`; null and absence give an empty one."""
    return cast(Json, _typed(source, key, dict, {}, "an object"))


def objects(source: Json, key: str) -> list[Json]:
    """Return the list of objects under `key`; null and absence give an empty one."""
    return cast("list[Json]", _listed(source, key, dict, "objects"))


def texts(source: Json, key: str) -> list[str]:
    """Return the list of strings under `key`; null and absence give an empty one."""
    return cast("list[str]", _listed(source, key, str, "strings"))


def text_map(source: Json, key: str) -> dict[str, str]:
    """Return the map from strings to strings under `key`; null and absence give an empty one."""
    value = obj(source, key)
    if any(not isinstance(item, str) for item in value.values()):
        raise InvalidParameter(f"{key} must be a map of strings")
    return cast("dict[str, str]", value)


def without_empty(members: Json) -> Json:
    """Return `members` without those that are empty or None: how Go writes `omitempty`."""
    return {
        key: value
        for key, value in members.items()
        if not (value is None or value == "" or (isinstance(value, (dict, list)) and not value))
    }


def dump(value: Any) -> bytes:
    """Return compact JSON, in the order of insertion, as bytes to be hashed and stored."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _without_lone_surrogates(value: Any) -> Any:
    """Return `value` with halves of surrogate pairs replaced, since no UTF-8 can hold them."""
    text = json.dumps(value, ensure_ascii=False)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return json.loads(whole)


def _typed(source: Json, key: str, kind: type, default: Any, wanted: str) -> Any:
    value = source.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise InvalidParameter(f"{key} must be {wanted}, got {type(value).__name__}")
    return value


def _listed(source: Json, key: str, kind: type, wanted: str) -> list[Any]:
    value = _typed(source, key, list, [], f"a list of {wanted}")
    if any(not isinstance(item, kind) for item in value):
        raise InvalidParameter(f"{key} must be a list of {wanted}")
    return cast("list[Any]", value)
