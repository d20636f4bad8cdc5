"""Lineage: which Dockerfile's build made an image, and on which base."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.evidence import Event, Evidence, Image
from grader.results import Finding, not_available
from grader.texts import Text

_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Built:
    """The image that a Dockerfile made in this engine under a name.

    `image` is None where there is none, and `hint` says then how to come to one.  `base` is the
    id of the image that FROM named, `dockerfile` the digest of the Dockerfile's text.
    """

    evidence: Evidence
    name: str
    image: Image | None
    hint: Text | None = None
    base: str = ""
    dockerfile: str = ""

    def provided(self, *findings: Finding) -> Built:
        """Return this if all findings are reached; else nothing, with the hint of the first that is not.

        So a question about a later step is not answered with yes for an image that is not yet
        the one that was asked for.
        """
        for finding in findings:
            if not finding and finding.available:
                return replace(self, image=None, hint=finding.hint)
        return self

    @property
    def own_layers(self) -> range:
        """The numbers (1: the lowest) of the layers that the Dockerfile put on its base."""
        base = self.evidence.image(self.base) if self.image else None
        if self.image is None or base is None:
            return range(0)
        return range(len(base.layers) + 1, len(self.image.layers) + 1)


def built(evidence: Evidence, name: str) -> Built:
    """Return the latest image called `name` (any tag) that was built here.

    A Docker Engine does not tell what was built; there any image of that name is taken for it.
    """
    builds = {
        event.attributes.get("image", ""): event for event in evidence.happened("image", "build")
    }
    named = [image for image in evidence.images if _is_called(image, name)]
    if named and not evidence.is_lab:
        return Built(evidence, name, named[0])
    for image in named:
        build = builds.get(image.id)
        if build is not None:
            attributes = build.attributes
            base, text = attributes.get("base", ""), attributes.get("dockerfile", "")
            return Built(evidence, name, image, base=base, dockerfile=text)
    if named:
        return Built(evidence, name, None, _not_built(name))
    return Built(evidence, name, None, _not_named(name, list(builds.values())))


def starts_from(built: Built, base: str) -> Finding:
    """Is the image built on the official image `base`, and more than that image itself?"""
    goal = Text(
        f"the image {built.name} is built from a Dockerfile of yours, on {base}",
        f"{built.name} 이미지는 {base} 위에 직접 쓴 Dockerfile로 만든 것이다",
    )
    if built.image is None:
        return Finding(False, goal, built.hint)
    if not built.evidence.is_lab:
        return _stands_on(built, built.image, base, goal)
    official = {
        event.attributes.get("image")
        for event in built.evidence.happened("image", "pull")
        if event.attributes.get("repository") == f"{_HUB}/library/{base}"
    }
    if built.base not in official:
        return Finding(False, goal, _another_base(base))
    if built.image.id == built.base:
        return Finding(False, goal, _adds_nothing(base))
    short = built.dockerfile.removeprefix("sha256:")[:12]
    seen = Text(
        f"{built.name} was built on {base} (Dockerfile {short})",
        f"{built.name} 이미지를 {base} 위에 빌드했다 (Dockerfile {short})",
    )
    return Finding(True, goal, seen=seen)


def _stands_on(built: Built, image: Image, base: str, goal: Text) -> Finding:
    """Answer by what any Docker Engine tells: the layers of the image and of its base."""
    below = built.evidence.image_called(base)
    if below is None:
        return not_available(goal)
    if image.layers[: len(below.layers)] != below.layers:
        return Finding(False, goal, _another_base(base))
    if image.id == below.id:
        return Finding(False, goal, _adds_nothing(base))
    seen = Text(
        f"{built.name} stands on the layers of {base}",
        f"{built.name} 이미지는 {base} 레이어 위에 있다",
    )
    return Finding(True, goal, seen=seen)


def _another_base(base: str) -> Text:
    return Text(
        f"Another image is the base: begin the Dockerfile with FROM {base}, then build again.",
        f"다른 이미지가 바탕입니다. Dockerfile을 FROM {base}로 시작하고 다시 빌드하세요.",
    )


def _adds_nothing(base: str) -> Text:
    return Text(
        f"This Dockerfile adds nothing: the image is {base} under another name. Add the"
        " instructions that are asked for.",
        f"이 Dockerfile은 아무것도 더하지 않아 {base}와 이름만 다릅니다. 요구된 명령을 추가하세요.",
    )


def _is_called(image: Image, name: str) -> bool:
    return any(tag.rpartition(":")[0] == name for tag in image.tags)


def _may_be_meant(tags: str, name: str) -> bool:
    """Return whether a build without a name, or with the last part of `name` only, was meant for it."""
    short = name.rpartition("/")[2]
    return any(tag in ("", short) or tag.startswith(f"{short}:") for tag in tags.split(","))


def _not_built(name: str) -> Text:
    return Text(
        f"There is an image {name}, but no Dockerfile made it here: it was pulled or tagged."
        f" Build one: docker build -t {name} .",
        f"{name} 이미지가 있지만 여기서 Dockerfile로 만든 것이 아니라 받아 오거나 태그만 붙인 것입니다."
        f" 직접 빌드하세요: docker build -t {name} .",
    )


def _not_named(name: str, builds: list[Event]) -> Text:
    # builds for other lessons say nothing about this one
    if any(_may_be_meant(build.attributes.get("tags", ""), name) for build in builds):
        return Text(
            f"You have built an image, but none is called {name}: give the name with -t.",
            f"이미지를 빌드했지만 {name} 이름이 없습니다. -t로 이름을 붙이세요.",
        )
    return Text(
        f"Write a Dockerfile, then: docker build -t {name} .",
        f"Dockerfile을 쓴 다음 실행하세요: docker build -t {name} .",
    )
