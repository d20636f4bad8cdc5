"""Descriptors, manifests and configurations: read, written, and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter
from lab.oci import fields, manifest
from lab.oci.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, History, ImageConfig
from lab.oci.manifest import Index, Manifest

DIGEST = Digest.of(b"x")
LAYER = Descriptor(OCI_LAYER_GZIP, DIGEST, 10)
CONFIG = Descriptor(OCI_CONFIG, DIGEST, 20)

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
digests = st.binary(max_size=4).map(Digest.of)
platforms = st.builds(
    Platform,
    os=st.sampled_from(["linux", "windows"]),
    architecture=st.sampled_from(["amd64", "arm"]),
    variant=st.sampled_from(["", "v7"]),
)
descriptors = st.builds(
    Descriptor,
    media_type=texts.filter(bool),
    digest=digests,
    size=st.integers(0, 1 << 60),
    platform=st.none() | platforms,
    annotations=st.dictionaries(texts, texts, max_size=2),
)
manifests = st.builds(
    Manifest,
    config=descriptors,
    layers=st.lists(descriptors, max_size=3).map(tuple),
    media_type=st.sampled_from([OCI_MANIFEST, DOCKER_MANIFEST]),
    subject=st.none() | descriptors,
    annotations=st.dictionaries(texts, texts, max_size=2),
)
indexes = st.builds(
    Index,
    manifests=st.lists(descriptors, max_size=3).map(tuple),
    media_type=st.sampled_from([OCI_INDEX, DOCKER_LIST]),
    annotations=st.dictionaries(texts, texts, max_size=2),
)
argv = st.none() | st.lists(texts, max_size=3).map(tuple)
names = st.lists(texts, max_size=2, unique=True).map(tuple)
container_configs = st.builds(
    ContainerConfig,
    user=texts,
    exposed_ports=names,
    env=st.lists(texts, max_size=3).map(tuple),
    entrypoint=argv,
    cmd=argv,
    volumes=names,
    working_dir=texts,
    labels=st.dictionaries(texts, texts, max_size=2),
    stop_signal=texts,
    healthcheck=st.none() | st.just({"Test": ["CMD", "true"], "Interval": 5}),
    shell=argv,
    on_build=st.lists(texts, max_size=2).map(tuple),
)
histories = st.builds(
    History, created=texts, created_by=texts, comment=texts, author=texts, empty_layer=st.booleans()
)
image_configs = st.builds(
    ImageConfig,
    architecture=texts,
    os=texts,
    config=container_configs,
    diff_ids=st.lists(digests, max_size=3).map(tuple),
    history=st.lists(histories, max_size=2).map(tuple),
    created=texts,
    author=texts,
    variant=texts,
)


@given(descriptors)
def test_descriptors_come_back(descriptor: Descriptor) -> None:
    """Is reading the inverse of writing?"""
    text = json.dumps(descriptor.to_json())
    assert Descriptor.from_json(json.loads(text)) == descriptor


@given(st.one_of(manifests, indexes))
def test_manifests_and_indexes_come_back(document: Manifest | Index) -> None:
    """Is reading the inverse of writing, and the kind told from the document alone?"""
    assert manifest.parse(document.to_bytes()) == document


@given(image_configs)
def test_configurations_come_back(config: ImageConfig) -> None:
    """Is reading the inverse of writing, empty lists apart from absent ones too?"""
    content = config.to_bytes()
    assert ImageConfig.from_bytes(content) == config
    assert ImageConfig.from_bytes(content).to_bytes() == content


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def spoiled(base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A good document in which one member, at any depth one level down, is something else."""
    keys = sorted(base)
    return st.tuples(st.sampled_from(keys), json_values).map(
        lambda change: {**base, change[0]: change[1]}
    )


GOOD_MANIFEST = Manifest(CONFIG, (LAYER,), subject=LAYER, annotations={"a": "b"}).to_json()
GOOD_INDEX = Index((LAYER,)).to_json()
GOOD_CONFIG = json.loads(
    ImageConfig(
        "amd64", "linux", ContainerConfig(cmd=("x",)), (DIGEST,), (History("t"),)
    ).to_bytes()
)
GOOD_INNER = ContainerConfig("u", ("80/tcp",), ("A=b",), ("e",), ("c",), ("/v",), "/").to_json()


@settings(max_examples=300)
@given(
    st.one_of(
        spoiled(GOOD_MANIFEST),
        spoiled(GOOD_INDEX),
        spoiled(GOOD_CONFIG),
        spoiled(GOOD_INNER).map(lambda inner: {**GOOD_CONFIG, "config": inner}),
        spoiled(LAYER.to_json()).map(lambda layer: {**GOOD_MANIFEST, "layers": [layer]}),
        json_values,
    ),
    st.sampled_from(["", OCI_MANIFEST, OCI_INDEX, "text/plain"]),
)
def test_wrong_types_are_refused_in_one_way(document: Any, media_type: str) -> None:
    """Does any JSON end in a record that can be written again, or in InvalidParameter?"""
    content = json.dumps(document).encode()
    for parse in (
        lambda: manifest.parse(content, media_type),
        lambda: ImageConfig.from_bytes(content),
    ):
        try:
            parse().to_bytes()
        except InvalidParameter:
            pass


@settings(max_examples=200)
@given(st.binary(max_size=40).filter(lambda content: not content.strip().startswith(b"{")))
def test_what_is_no_json_is_refused(content: bytes) -> None:
    """Do arbitrary bytes end in InvalidParameter?"""
    for parse in (manifest.parse, ImageConfig.from_bytes):
        with pytest.raises(InvalidParameter):
            parse(content)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":NaN}', '{"a":-Infinity}', "[]", "1", '"x"', "", '{"a":' * 50_000],
    ids=["deep list", "NaN", "infinity", "list", "number", "string", "nothing", "deep object"],
)
def test_json_that_is_no_object_or_no_json(text: str) -> None:
    """Are nesting bombs, Python's own constants and other values refused?"""
    with pytest.raises(InvalidParameter):
        fields.load_object(text, "document")


def test_halves_of_characters_become_whole_ones() -> None:
    """Can a document with a lone surrogate be written again, as Docker would?"""
    loaded = fields.load_object(rb'{"a":"\ud800-\ud83d\ude00","\udfff":1}', "document")
    assert loaded == {"a": "\ufffd-\U0001f600", "\ufffd": 1}
    assert fields.dump(loaded)


@pytest.mark.parametrize("value", [1.5, "1", True, [], {}, 1 << 63, -(1 << 64), 10**300], ids=str)
def test_integers_are_integers_of_64_bits(value: Any) -> None:
    """Is anything else refused?"""
    with pytest.raises(InvalidParameter):
        fields.integer({"size": value}, "size")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("size", -1),
        ("size", None),
        ("digest", None),
        ("digest", "sha256:12"),
        ("mediaType", None),
        ("mediaType", 5),
        ("platform", []),
        ("annotations", {"a": 1}),
    ],
)
def test_descriptors_need_their_members(member: str, value: Any) -> None:
    """Is a descriptor with a missing or wrong member refused?"""
    with pytest.raises(InvalidParameter):
        Descriptor.from_json({**LAYER.to_json(), member: value})


@pytest.mark.parametrize(
    "document",
    [
        {"schemaVersion": 1, "mediaType": OCI_MANIFEST},
        {**GOOD_MANIFEST, "schemaVersion": 1},
        {**GOOD_MANIFEST, "schemaVersion": None},
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": []},
        {**GOOD_MANIFEST, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"},
        {**GOOD_MANIFEST, "manifests": []},
        {**GOOD_INDEX, "layers": []},
        {**GOOD_INDEX, "config": CONFIG.to_json()},
        {"schemaVersion": 2},
        {},
    ],
    ids=[
        "schema 1",
        "wrong version",
        "no version",
        "no config",
        "old type",
        "manifest and index",
        "index with layers",
        "index with config",
        "nothing",
        "empty",
    ],
)
def test_manifests_that_are_refused(document: dict[str, Any]) -> None:
    """Are old, incomplete and ambiguous manifests refused?"""
    with pytest.raises(InvalidParameter):
        manifest.parse(json.dumps(document).encode())


def test_the_document_decides_what_it_is() -> None:
    """Does a document without a media type follow its carrier, then its members?"""
    bare = {key: value for key, value in GOOD_MANIFEST.items() if key != "mediaType"}
    content = json.dumps(bare).encode()
    docker = manifest.parse(content, DOCKER_MANIFEST + "; charset=utf-8")
    assert isinstance(docker, Manifest)
    assert docker.media_type == DOCKER_MANIFEST
    assert manifest.parse(content).media_type == OCI_MANIFEST
    assert manifest.parse(json.dumps(GOOD_MANIFEST).encode(), OCI_INDEX).media_type == OCI_MANIFEST
    index = {"schemaVersion": 2, "manifests": []}
    assert isinstance(manifest.parse(json.dumps(index).encode(), "text/plain"), Index)


def test_large_manifests_are_refused() -> None:
    """Is a manifest above the limit refused before it is parsed?"""
    with pytest.raises(InvalidParameter, match="larger than"):
        manifest.parse(b" " * (manifest.MAX_SIZE + 1))


def test_a_platform_is_selected() -> None:
    """Is the right entry found, and absence told in Docker's words?"""
    arm = Descriptor(OCI_MANIFEST, Digest.of(b"arm"), 1, Platform("linux", "arm64", "v8"))
    amd = Descriptor(OCI_MANIFEST, Digest.of(b"amd"), 1, Platform("linux", "amd64"))
    unknown = Descriptor(OCI_MANIFEST, Digest.of(b"attestation"), 1)
    index = Index((unknown, arm, amd))
    assert index.select("linux", "amd64") == amd
    with pytest.raises(InvalidParameter) as caught:
        index.select("linux", "s390x")
    assert caught.value.message == (
        "no matching manifest for linux/s390x in the manifest list entries"
    )
    assert str(arm.platform) == "linux/arm64/v8"
