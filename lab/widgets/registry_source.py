"""Where the registry widget reads from: the lab's Hub, or a registry by its own HTTP API.

Both tell the same, in the shape of /lab/v1/repositories.  Everything here blocks.
Source of the second: distribution-spec 1.1, "Pulling manifests", "Content Discovery".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import requests
from docker import auth
from docker.errors import DockerException

from lab.widgets.engine import Engine
from lab.widgets.streams import Json

MAX_REPOSITORIES = 40
"""How many repositories are asked for."""

MAX_TAGS = 24
"""Of how many tags of a repository elsewhere the manifests are read."""

_TIMEOUT = 5.0
_MANIFEST = "application/vnd.{}+json"
_ACCEPT = ", ".join(
    _MANIFEST.format(kind)
    for kind in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)


class Closed(Exception):
    """The registry tells nothing: `state` is login, closed, unreachable or none (see texts)."""

    def __init__(self, state: str, message: str = "") -> None:
        super().__init__(message)
        self.state = state


class Shelf(Protocol):
    """What is on a registry."""

    def listing(self) -> Json:
        """Return all in the shape of /lab/v1/repositories; Closed if it does not tell."""

    def close(self) -> None:
        """Ask no more."""


class HubShelf:
    """The lab's Hub, which the lab's engine knows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listing(self) -> Json:
        if not self._engine.has_extension:
            raise Closed("none")
        return self._engine.get(f"/lab/v1/repositories?limit={MAX_REPOSITORIES}")

    def close(self) -> None:
        pass  # the engine's connection is not its own


class ApiShelf:
    """A registry at `address`, asked as docker pull would, with the login that docker login kept.

    On this machine it is asked without TLS, as Docker does.
    """

    def __init__(self, address: str, architecture: str) -> None:
        self._address = address
        self._architecture = architecture
        self._session = requests.Session()
        # no proxy leads to this machine itself
        self._session.trust_env = _scheme(address) == "https"
        self._known: dict[str, Json] = {}

    def listing(self) -> Json:
        try:
            self._session.auth = _login(self._address)
            names = self._get(f"_catalog?n={MAX_REPOSITORIES}").json().get("repositories") or []
            found = [self._repository(name) for name in names[:MAX_REPOSITORIES]]
        except requests.RequestException as error:
            raise Closed("unreachable") from error
        except ValueError as error:
            raise Closed("closed", str(error)) from error
        return {"Repositories": found, "Truncated": len(names) >= MAX_REPOSITORIES}

    def close(self) -> None:
        self._session.close()

    def _repository(self, name: str) -> Json:
        answer = self._get(f"{name}/tags/list", missing_is_fine=True)
        tags = (answer.json().get("tags") if answer.ok else None) or []
        images: dict[str, Json] = {}
        for tag in sorted(tags)[:MAX_TAGS]:
            image = self._image(name, tag)
            if image is not None:
                images.setdefault(image["Digest"], image | {"Tags": []})["Tags"].append(tag)
        truncated = len(tags) > MAX_TAGS
        return {
            "Name": name,
            "Official": False,
            "Images": [*images.values()],
            "Truncated": truncated,
        }

    def _image(self, name: str, tag: str) -> Json | None:
        """Return what a tag points to; None if that is gone."""
        path = f"{name}/manifests/{tag}"
        answer = self._ask("HEAD", path)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if not answer.ok or not digest:
            return None
        if digest not in self._known:
            manifest = self._manifest(name, digest)
            self._known[digest] = {"Digest": digest, **self._content(name, manifest)}
        return self._known[digest]

    def _manifest(self, name: str, digest: str) -> Json:
        manifest: Json = self._get(f"{name}/manifests/{digest}").json()
        for part in manifest.get("manifests") or ():
            if (part.get("platform") or {}).get("architecture") == self._architecture:
                return self._manifest(name, part["digest"])
        return manifest

    def _content(self, name: str, manifest: Json) -> Json:
        config = (manifest.get("config") or {}).get("digest", "")
        told = self._get(f"{name}/blobs/{config}").json() if config else {}
        diff_ids = (told.get("rootfs") or {}).get("diff_ids") or []
        layers = manifest.get("layers") or []
        padded = [*diff_ids, *[""] * len(layers)]
        return {
            "MediaType": manifest.get("mediaType", ""),
            "ImageId": config,
            "Layers": [
                {"Digest": layer["digest"], "DiffId": diff_id, "Size": layer["size"]}
                for layer, diff_id in zip(layers, padded, strict=False)
            ],
        }

    def _get(self, path: str, missing_is_fine: bool = False) -> requests.Response:
        answer = self._ask("GET", path)
        if answer.ok or (missing_is_fine and answer.status_code == 404):
            return answer
        raise Closed("closed", f"{answer.status_code} {answer.reason}")

    def _ask(self, method: str, path: str) -> requests.Response:
        url = f"{_scheme(self._address)}://{self._address}/v2/{path}"
        answer = self._session.request(
            method, url, headers={"Accept": _ACCEPT}, timeout=_TIMEOUT, allow_redirects=True
        )
        if answer.status_code == 401:
            basic = answer.headers.get("WWW-Authenticate", "").lower().startswith("basic")
            raise Closed("login" if basic else "closed", "401 Unauthorized")
        return answer


def shelf(engine: Engine, address: str) -> Shelf:
    """Return the registry at `address`, or the lab's Hub for an empty one."""
    if not address:
        return HubShelf(engine)
    return ApiShelf(address, str(engine.api.version().get("Arch", "amd64")))


def _scheme(address: str) -> str:
    host = address.rpartition(":")[0] or address
    return "http" if host in ("localhost", "[::1]") or host.startswith("127.") else "https"


def _login(address: str) -> tuple[str, str] | None:
    """Return name and password that `docker login` kept for a registry, if any."""
    try:
        found: Mapping[str, Any] | None = auth.load_config().resolve_authconfig(address)
    except DockerException:
        return None
    if not found or not found.get("username"):
        return None
    return str(found["username"]), str(found.get("password", ""))
