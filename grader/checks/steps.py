"""What happened, as the engine's journal tells it."""

from __future__ import annotations

from grader.checks.dockerfile import Built
from grader.results import Finding, not_available
from grader.texts import Text

_HUB = "docker.io"


def pushed(built: Built) -> Finding:
    """Did this very image arrive in the Hub's repository of its name?

    The push must have been of this image's id, and the digest of the manifest that arrived must
    be one that the image is known by.
    """
    name = built.name
    goal = Text(f"the image {name} is in the Hub", f"{name} 이미지가 Hub에 올라가 있다")
    if built.image is None:
        return Finding(False, goal, built.hint)
    if not built.evidence.is_lab:
        return not_available(goal)
    pushes = [
        event.attributes
        for event in built.evidence.happened("image", "push")
        if event.attributes.get("repository") == f"{_HUB}/{name}"
    ]
    for attributes in reversed(pushes):
        digest = attributes.get("digest", "")
        if attributes.get("image") == built.image.id and f"{name}@{digest}" in built.image.digests:
            seen = Text(
                f"the Hub has {name} with the digest {digest[:19]}",
                f"Hub에 {name} 이미지가 {digest[:19]} 다이제스트로 있다",
            )
            return Finding(True, goal, seen=seen)
    return Finding(False, goal, _another(name) if pushes else _never(name))


def _another(name: str) -> Text:
    return Text(
        f"What you pushed to {name} is another image than the one you built last: push again.",
        f"{name} 저장소에 올린 것은 마지막에 빌드한 이미지가 아닙니다. 다시 push하세요.",
    )


def _never(name: str) -> Text:
    account = name.partition("/")[0]
    return Text(
        f"Log in with docker login -u {account}, then: docker push {name}",
        f"docker login -u {account} 명령으로 로그인한 뒤 실행하세요: docker push {name}",
    )
