"""What everybody may pull from the Hub, as a list."""

from __future__ import annotations

from lab.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.oci.manifest import Index
from lab.registry.listing import ListedRepository
from lab.registry.names import Repository, Tag
from lab.registry.source import StoredManifest

from .conftest import NGINX, WEB, Running, store
from .helpers import make_image

_DIFF_IDS = (Digest.of(b"one"), Digest.of(b"two"))
CONFIG = ImageConfig("amd64", "linux", ContainerConfig(), _DIFF_IDS)
TWO = make_image(b"packed one", b"packed two two", config=CONFIG.to_bytes())


def listed(hub: Running) -> dict[str, ListedRepository]:
    found, more = hub.hub.public("amd64", 100)
    assert not more
    return {each.name: each for each in found}


def test_tags_of_one_image_stand_together(hub: Running) -> None:
    """Is an image there once, with all its tags, and official ones first?"""
    found = listed(hub)
    assert [*found] == ["library/nginx", "alice/web"]
    assert found["library/nginx"].official and not found["alice/web"].official
    (image,) = found["library/nginx"].images
    assert (image.digest, image.tags) == (str(NGINX.digest), ("1", "latest"))
    (web,) = found["alice/web"].images
    base = [each.layers[0].digest for each in (image, web)]
    assert base[0] == base[1] == str(Digest.of(b"base layer"))


def test_layers_have_size_and_diff_id(hub: Running) -> None:
    """Are a layer's size that of its blob, and its diff id the configuration's?"""
    store(hub.hub, "alice/two", "1", TWO)
    (image,) = listed(hub)["alice/two"].images
    assert image.image_id == str(Digest.of(CONFIG.to_bytes()))
    assert [(each.size, each.diff_id) for each in image.layers] == [
        (10, str(_DIFF_IDS[0])),
        (14, str(_DIFF_IDS[1])),
    ]


def test_private_repositories_are_not_told(hub: Running) -> None:
    """Is a repository gone from the list as soon as only its owner may see it?"""
    hub.hub.rights.set_private(Repository("alice/web"), True)
    assert [*listed(hub)] == ["library/nginx"]


def test_limit(hub: Running) -> None:
    """Are there as many as asked for, and is it told that there are more?"""
    found, more = hub.hub.public("amd64", 1)
    assert [each.name for each in found] == ["library/nginx"] and more


def test_an_index_shows_the_image_for_this_machine(hub: Running) -> None:
    """Has an index its own digest and the layers of the part that fits, or none?"""
    store(hub.hub, "alice/many", "part", WEB)
    size = len(WEB.manifest)
    part = Descriptor(OCI_MANIFEST, WEB.digest, size, Platform("linux", "arm64"))
    content = Index((part,)).to_bytes()
    stored = StoredManifest(Digest.of(content), OCI_INDEX, content)
    hub.hub.storage.put_manifest(Repository("alice/many"), (Tag("all"),), stored, None)
    for architecture, layers in (("arm64", 2), ("amd64", 0)):
        found, _ = hub.hub.public(architecture, 100)
        images = {each.tags: each for each in found[1].images}
        assert images["all",].digest == str(stored.digest)
        assert len(images["all",].layers) == layers
