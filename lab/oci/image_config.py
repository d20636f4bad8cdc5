"""An image's configuration: how to run it, and the layers that it consists of.

Source: OCI image-spec, config.md, with the members that Docker adds (Healthcheck, Shell,
OnBuild).  The digest of this document is what Docker calls the image's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.digest import Digest
from lab.oci.fields import Json


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """What a container made from an image runs with; the `config` member of the document.

    `entrypoint` and `cmd` are argument lists; None means "not set", which differs from empty.
    `env` holds `NAME=value`; `exposed_ports` holds `80/tcp`; `labels` are free strings.
    """

    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    healthcheck: Json | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, source: Json) -> ContainerConfig:
        return cls(
            user=fields.text(source, "User"),
            exposed_ports=tuple(fields.obj(source, "ExposedPorts")),
            env=tuple(fields.texts(source, "Env")),
            entrypoint=_argv(source, "Entrypoint"),
            cmd=_argv(source, "Cmd"),
            volumes=tuple(fields.obj(source, "Volumes")),
            working_dir=fields.text(source, "WorkingDir"),
            labels=dict(fields.text_map(source, "Labels")),
            stop_signal=fields.text(source, "StopSignal"),
            healthcheck=fields.obj(source, "Healthcheck") or None,
            shell=_argv(source, "Shell"),
            on_build=tuple(fields.texts(source, "OnBuild")),
        )

    def to_json(self) -> Json:
        # an empty list is kept: it says "nothing", where absence says "not set"
        lists = {"Entrypoint": self.entrypoint, "Cmd": self.cmd, "Shell": self.shell}
        set_lists = {key: list(value) for key, value in lists.items() if value is not None}
        return set_lists | fields.without_empty(
            {
                "User": self.user,
                "ExposedPorts": {port: {} for port in self.exposed_ports},
                "Env": list(self.env),
                "Volumes": {path: {} for path in self.volumes},
                "WorkingDir": self.working_dir,
                "Labels": self.labels,
                "StopSignal": self.stop_signal,
                "Healthcheck": self.healthcheck,
                "OnBuild": list(self.on_build),
            }
        )

    def environ(self) -> dict[str, str]:
        """Return `env` as a map; a later entry of the same name wins."""
        return dict(entry.partition("=")[::2] for entry in self.env)


@dataclass(frozen=True, slots=True)
class History:
    """How one layer, or one change of settings, came about; `created` is RFC 3339."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False

    @classmethod
    def from_json(cls, source: Json) -> History:
        return cls(
            created=fields.text(source, "created"),
            created_by=fields.text(source, "created_by"),
            comment=fields.text(source, "comment"),
            author=fields.text(source, "author"),
            empty_layer=fields.boolean(source, "empty_layer"),
        )

    def to_json(self) -> Json:
        return fields.without_empty(
            {
                "created": self.created,
                "created_by": self.created_by,
                "comment": self.comment,
                "author": self.author,
                "empty_layer": self.empty_layer or None,
            }
        )


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The whole document.  `diff_ids` are digests of the uncompressed layers, base first."""

    architecture: str
    os: str
    config: ContainerConfig = field(default_factory=ContainerConfig)
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    variant: str = ""

    @classmethod
    def from_bytes(cls, content: bytes) -> ImageConfig:
        """Parse the document; InvalidParameter if it is malformed."""
        source = fields.load_object(content, "image config")
        rootfs = fields.obj(source, "rootfs")
        if fields.text(rootfs, "type", "layers") != "layers":
            raise InvalidParameter("image config: rootfs.type must be layers")
        return cls(
            architecture=fields.text(source, "architecture"),
            os=fields.text(source, "os"),
            config=ContainerConfig.from_json(fields.obj(source, "config")),
            diff_ids=tuple(map(Digest.parse, fields.texts(rootfs, "diff_ids"))),
            history=tuple(map(History.from_json, fields.objects(source, "history"))),
            created=fields.text(source, "created"),
            author=fields.text(source, "author"),
            variant=fields.text(source, "variant"),
        )

    def to_bytes(self) -> bytes:
        """The JSON text whose digest is the image's id."""
        return fields.dump(
            {
                "architecture": self.architecture,
                "os": self.os,
                **fields.without_empty(
                    {"variant": self.variant, "author": self.author, "created": self.created}
                ),
                "config": self.config.to_json(),
                "rootfs": {"type": "layers", "diff_ids": [str(d) for d in self.diff_ids]},
                "history": [entry.to_json() for entry in self.history],
            }
        )

    def with_step(self, entry: History, diff_id: Digest | None = None) -> ImageConfig:
        """Return a copy with one more history entry, and one more layer if `diff_id` is given."""
        return replace(
            self,
            created=entry.created or self.created,
            history=(*self.history, entry),
            diff_ids=self.diff_ids if diff_id is None else (*self.diff_ids, diff_id),
        )


def chain_id(diff_ids: Sequence[Digest]) -> Digest:
    """Return the identity of a stack of layers.  Source: image-spec, config.md, Layer ChainID.

    Raises InvalidParameter for an empty stack.
    """
    if not diff_ids:
        raise InvalidParameter("a stack without layers has no chain id")
    chain = diff_ids[0]
    for diff_id in diff_ids[1:]:
        chain = Digest("sha256", hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest())
    return chain


def _argv(source: Json, key: str) -> tuple[str, ...] | None:
    return None if source.get(key) is None else tuple(fields.texts(source, key))
