"""02_first_container: write a Dockerfile, build an image, run it, push it to the Hub."""

from grader.checks import (
    Check,
    Checks,
    Evidence,
    Task,
    Text,
    all_of,
    container,
    dockerfile,
    image,
    network,
    steps,
)
from grader.checks.dockerfile import Built

BASE = "nginx"
PAGE = "/usr/share/nginx/html/index.html"


def named_site(evidence: Evidence) -> Built:
    """What was built under the name that is asked for."""
    return dockerfile.built(evidence, f"{evidence.student.account}/site")


def finished_site(evidence: Evidence) -> Built:
    """The same, once it is the image that is asked for: nginx with a page of one's own."""
    site = named_site(evidence)
    return site.provided(dockerfile.starts_from(site, BASE), image.brings_file(site, PAGE))


def build(evidence: Evidence) -> Checks:
    site = named_site(evidence)
    base = dockerfile.starts_from(site, BASE)
    yield Check(3, all_of(base, image.brings_file(site, PAGE)))
    yield Check(1, image.has_label(site.provided(base), "author"))


def run(evidence: Evidence) -> Checks:
    web = container.of(finished_site(evidence))
    answer = network.answers(web, 80, evidence.student.account)
    yield Check(1, container.is_running(web))
    yield Check(1, network.publishes(web, 80))
    yield Check(1, all_of(answer, container.shows_file_of_image(web, PAGE)))


def push(evidence: Evidence) -> Checks:
    yield Check(3, steps.pushed(finished_site(evidence)))


TASKS = (
    Task("build", 4, Text("Build the image", "이미지 빌드"), build),
    Task("run", 3, Text("Run it with a published port", "포트를 공개해 실행"), run),
    Task("push", 3, Text("Push it to the Hub", "Hub에 push"), push),
)
