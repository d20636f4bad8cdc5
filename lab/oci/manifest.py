"""Image manifests and indexes, OCI's and Docker's.  Source: OCI image-spec, manifest.md, image-index.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.descriptor import (
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from lab.oci.fields import Json

MAX_SIZE = 4 * 1024 * 1024
"""Bytes; registries are advised to accept no larger manifest (distribution-spec)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: the descriptor of its config, and of its layers from the base up."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = OCI_MANIFEST
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, source: Json, media_type: str = "") -> Manifest:
        """Parse a manifest; `media_type` is what its carrier announced, if anything."""
        _check_version(source)
        subject = fields.obj(source, "subject")
        config = fields.obj(source, "config")
        if not config:
            raise InvalidParameter("manifest has no config")
        return cls(
            config=Descriptor.from_json(config),
            layers=tuple(map(Descriptor.from_json, fields.objects(source, "layers"))),
            media_type=fields.text(source, "mediaType") or media_type or OCI_MANIFEST,
            subject=Descriptor.from_json(subject) if subject else None,
            annotations=fields.text_map(source, "annotations"),
        )

    def to_json(self) -> Json:
        return {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
            **fields.without_empty(
                {
                    "subject": self.subject.to_json() if self.subject else None,
                    "annotations": dict(self.annotations),
                }
            ),
        }

    def to_bytes(self) -> bytes:
        """The JSON text that is stored, pushed and hashed."""
        return fields.dump(self.to_json())


@dataclass(frozen=True, slots=True)
class Index:
    """Several manifests under one name, one per platform."""

    manifests: tuple[Descriptor, ...]
    media_type: str = OCI_INDEX
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, source: Json, media_type: str = "") -> Index:
        _check_version(source)
        return cls(
            manifests=tuple(map(Descriptor.from_json, fields.objects(source, "manifests"))),
            media_type=fields.text(source, "mediaType") or media_type or OCI_INDEX,
            annotations=fields.text_map(source, "annotations"),
        )

    def to_json(self) -> Json:
        return {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "manifests": [entry.to_json() for entry in self.manifests],
            **fields.without_empty({"annotations": dict(self.annotations)}),
        }

    def to_bytes(self) -> bytes:
        return fields.dump(self.to_json())

    def select(self, os: str, architecture: str) -> Descriptor:
        """Return the entry for a platform; InvalidParameter, in Docker's words, if there is none."""
        for entry in self.manifests:
            platform = entry.platform
            if platform and (platform.os, platform.architecture) == (os, architecture):
                return entry
        raise InvalidParameter(
            f"no matching manifest for {os}/{architecture} in the manifest list entries"
        )


def parse(content: bytes, media_type: str = "") -> Manifest | Index:
    """Return the manifest or index in `content`.

    `media_type` is what the carrier said (an HTTP header); the document's own `mediaType` and
    its members decide.  Raises InvalidParameter for schema 1, unknown types and oversize.
    """
    if len(content) > MAX_SIZE:
        raise InvalidParameter(f"manifest is larger than {MAX_SIZE} bytes")
    source = fields.load_object(content, "manifest")
    if "manifests" in source and ("config" in source or "layers" in source):
        # who takes it for one and who for the other would run different images
        raise InvalidParameter("ambiguous manifest: it has both manifests and layers")
    kind = fields.text(source, "mediaType") or media_type.partition(";")[0].strip()
    if kind in INDEXES or (kind not in MANIFESTS and "manifests" in source):
        return Index.from_json(source, kind)
    if kind in MANIFESTS or (not kind and "config" in source):
        return Manifest.from_json(source, kind or OCI_MANIFEST)
    raise InvalidParameter(f"unsupported manifest media type: {kind or 'none given'}")


def _check_version(source: Json) -> None:
    if fields.integer(source, "schemaVersion") != 2:
        raise InvalidParameter("unsupported manifest: schemaVersion must be 2")


__all__ = ["DOCKER_MANIFEST", "MAX_SIZE", "Index", "Manifest", "parse"]
