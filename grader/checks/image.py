"""What an image holds that its own Dockerfile put there."""

from __future__ import annotations

from grader.checks.dockerfile import Built
from grader.results import Finding, not_available
from grader.texts import Text


def has_label(built: Built, label: str) -> Finding:
    """Does the image carry a label that its base has not, with any text?"""
    goal = Text(f"the image carries a label {label}", f"이미지에 {label} 레이블이 있다")
    if built.image is None:
        return Finding(False, goal, built.hint)
    value = built.image.labels.get(label, "").strip()
    base = built.evidence.image(built.base)
    if not value or (base is not None and base.labels.get(label) == value):
        hint = Text(
            f'Add a line such as LABEL {label}="your name" to the Dockerfile, then build again.',
            f'Dockerfile에 LABEL {label}="이름" 같은 줄을 추가하고 다시 빌드하세요.',
        )
        return Finding(False, goal, hint)
    seen = Text(
        f"the image carries the label {label}={value[:40]}",
        f"이미지에 {label}={value[:40]} 레이블이 있다",
    )
    return Finding(True, goal, seen=seen)


def brings_file(built: Built, path: str) -> Finding:
    """Does a layer of the image's own Dockerfile, not of its base, put a file at `path`?"""
    goal = Text(
        f"the Dockerfile puts a file of its own at {path}",
        f"Dockerfile이 {path} 자리에 자기 파일을 넣는다",
    )
    if built.image is None:
        return Finding(False, goal, built.hint)
    if not built.evidence.is_lab:
        return not_available(goal)
    for number in built.own_layers:
        if path in built.evidence.files_of_layer(built.image, number, path):
            seen = Text(
                f"layer {number} of the image has {path}",
                f"이미지의 {number}번 레이어에 {path} 파일이 있다",
            )
            return Finding(True, goal, seen=seen)
    name = path.rpartition("/")[2]
    hint = Text(
        f"No layer of yours has {path}: copy {name} there with COPY, then build again.",
        f"직접 만든 레이어에 {path} 파일이 없습니다. COPY로 {name} 파일을 그 자리에 넣고 다시 빌드하세요.",
    )
    return Finding(False, goal, hint)
