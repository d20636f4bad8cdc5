"""Descriptors: media type, digest and size of some content.  Source: OCI image-spec, descriptor.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.digest import Digest
from lab.oci.fields import Json

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_LIST)


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system and processor that some content is for (`linux`, `amd64`, maybe `v8`)."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def from_json(cls, source: Json) -> Platform:
        return cls(
            fields.text(source, "os"),
            fields.text(source, "architecture"),
            fields.text(source, "variant"),
        )

    def to_json(self) -> Json:
        return fields.without_empty(
            {"architecture": self.architecture, "os": self.os, "variant": self.variant}
        )

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at content by digest; `size` is in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, source: Json) -> Descriptor:
        """Parse the JSON form; InvalidParameter if a member is missing or wrong."""
        size = fields.integer(source, "size", -1)
        if size < 0:
            raise InvalidParameter("a descriptor needs a size of 0 or more")
        media_type = fields.text(source, "mediaType")
        if not media_type:
            raise InvalidParameter("a descriptor needs a mediaType")
        platform = fields.obj(source, "platform")
        return cls(
            media_type=media_type,
            digest=Digest.parse(fields.text(source, "digest")),
            size=size,
            platform=Platform.from_json(platform) if platform else None,
            annotations=fields.text_map(source, "annotations"),
        )

    def to_json(self) -> Json:
        return {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
            **fields.without_empty(
                {
                    "platform": self.platform.to_json() if self.platform else None,
                    "annotations": dict(self.annotations),
                }
            ),
        }
