"""What each image consists of.

An image is its base's layers, one more for each step, and the settings.  Names, tags, paths and
settings are those of the official images, so that what is learned with them holds elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.catalog.release import Release
from lab.catalog.resolver import PackageSet
from lab.catalog.steps import Busybox, Copy, Install, Link, Program, Step
from lab.oci.image_config import ContainerConfig

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image.

    `base` is the name of a recipe before this one, empty for none.  `version_of` is the package
    whose version gives the tags (1.22.1, 1.22); `{version}` in the settings' environment stands for it.
    """

    name: str
    about: str
    steps: tuple[Step, ...]
    settings: ContainerConfig
    base: str = ""
    version_of: str = ""
    is_release: bool = False

    def tags(self, packages: PackageSet, release: Release) -> list[str]:
        """Return all tags of the image, `latest` first."""
        if self.is_release:
            named = [release.codename, f"{release.codename}-slim"]
            return ["latest", *named, *([release.version] if release.version else [])]
        if not self.version_of:
            return ["latest"]
        version = self.version(packages)
        return ["latest", version, ".".join(version.split(".")[:2])]

    def version(self, packages: PackageSet) -> str:
        return packages[self.version_of].upstream_version if self.version_of else ""


RECIPES = (
    Recipe(
        name="debian",
        about="Debian, as small as it gets with apt, without documentation and translations",
        steps=(Install(("apt", "usr-is-merged"), required=True, start="debian"),),
        settings=ContainerConfig(env=(_PATH,), cmd=("bash",)),
        is_release=True,
    ),
    Recipe(
        name="nginx",
        about="Debian's nginx with the paths, the user and the logs of the official image",
        base="debian",
        version_of="nginx",
        steps=(
            Install(("nginx", "curl"), script="nginx.sh"),
            Copy("nginx", "COPY nginx.conf default.conf index.html 50x.html /"),
            Link(
                (
                    ("var/log/nginx/access.log", "/dev/stdout"),
                    ("var/log/nginx/error.log", "/dev/stderr"),
                )
            ),
        ),
        settings=ContainerConfig(
            env=(_PATH, "NGINX_VERSION={version}"),
            exposed_ports=("80/tcp",),
            stop_signal="SIGQUIT",
            cmd=("nginx", "-g", "daemon off;"),
        ),
    ),
    Recipe(
        name="busybox",
        about="a whole small system in one static program, from Debian's busybox-static",
        version_of="busybox-static",
        steps=(Busybox("busybox-static", "busybox"),),
        settings=ContainerConfig(env=(_PATH,), cmd=("sh",)),
    ),
    Recipe(
        name="hello-world",
        about="a program of a few bytes that says what just happened",
        steps=(Program("hello", "hello.txt", date=1_735_689_600),),  # 2025-01-01
        settings=ContainerConfig(env=(_PATH,), cmd=("/hello",)),
    ),
)


def wanted_packages() -> list[str]:
    """What apt is asked for: enough for all images."""
    return sorted({name for recipe in RECIPES for step in recipe.steps for name in step.needs})
