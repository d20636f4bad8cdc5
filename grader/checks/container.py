"""What runs, of which image, and whether it still is as its image made it."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.dockerfile import Built
from grader.evidence import Container, Evidence
from grader.results import Finding
from grader.texts import Text


@dataclass(frozen=True, slots=True)
class Run:
    """A container of an image that was built: one that runs, else the latest that ended.

    `container` is None where there is none; `hint` is what to do to have a running one.
    """

    built: Built
    container: Container | None
    hint: Text | None = None

    @property
    def evidence(self) -> Evidence:
        return self.built.evidence

    @property
    def running(self) -> Container | None:
        """The container, if it runs."""
        return self.container if self.container and self.container.running else None


def of(built: Built) -> Run:
    """Return the container in which an image runs."""
    if built.image is None:
        return Run(built, None, built.hint)
    own = [each for each in built.evidence.containers if each.image == built.image.id]
    for container in own:
        if container.running:
            return Run(built, container)
    if own:
        return Run(built, own[0], _ended(own[0]))
    return Run(built, None, _none(built))


def is_running(run: Run) -> Finding:
    """Does a container of the image run at this moment?"""
    name = run.built.name
    goal = Text(f"a container of {name} is running", f"{name} 이미지의 컨테이너가 실행 중이다")
    if run.running is None:
        return Finding(False, goal, run.hint)
    seen = Text(
        f"the container {run.running.name} runs {name}",
        f"{run.running.name} 컨테이너가 {name} 이미지로 실행 중이다",
    )
    return Finding(True, goal, seen=seen)


def shows_file_of_image(run: Run, path: str) -> Finding:
    """Is the file that the container sees at `path` its image's, untouched and not hidden?"""
    goal = Text(
        f"{path} in the container is the file of the image",
        f"컨테이너의 {path} 파일은 이미지에 들어 있던 그대로이다",
    )
    container = run.running
    if container is None:
        return Finding(False, goal, run.hint)
    if any(_lies_in(path, mount) for mount in container.mounts):
        hint = Text(
            f"A mount hides {path} of the image: run the container without -v.",
            f"마운트가 이미지의 {path} 파일을 가립니다. -v 없이 컨테이너를 실행하세요.",
        )
        return Finding(False, goal, hint)
    if any(_lies_in(path, written) for written in run.evidence.written_by(container)):
        hint = Text(
            f"{path} was changed in the container. Change it in the image: edit, build, run again.",
            f"컨테이너 안에서 {path} 파일이 바뀌었습니다. 파일을 고치고 이미지를 다시 빌드해 실행하세요.",
        )
        return Finding(False, goal, hint)
    return Finding(True, goal)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _ended(container: Container) -> Text:
    name, code = container.name, container.exit_code
    return Text(
        f"The container {name} has ended (exit code {code}). docker logs {name} shows what it said;"
        f" docker start {name} starts it again.",
        f"{name} 컨테이너가 끝났습니다(종료 코드 {code}). docker logs {name} 명령으로 출력을 보고,"
        f" docker start {name} 명령으로 다시 시작하세요.",
    )


def _none(built: Built) -> Text:
    builds = {each.attributes.get("image") for each in built.evidence.happened("image", "build")}
    for container in built.evidence.containers:
        if container.running and container.image in builds:
            return Text(
                f"The container {container.name} runs an earlier build: remove it with"
                f" docker rm -f {container.name}, then run {built.name}.",
                f"{container.name} 컨테이너는 이전에 빌드한 이미지로 실행 중입니다."
                f" docker rm -f {container.name} 명령으로 지우고 {built.name} 이미지를 실행하세요.",
            )
    return Text(
        f"No container of {built.name} yet: start one with docker run -d.",
        f"아직 {built.name} 이미지의 컨테이너가 없습니다. docker run -d 명령으로 시작하세요.",
    )
