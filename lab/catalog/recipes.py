"""What each image consists of.

An image is its base's layers, one more for each step, and the settings.  Names, tags, paths and
settings are those of the official images, so that what is learned with them holds elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.catalog.programs import Busybox, Program
from lab.catalog.release import Release
from lab.catalog.resolver import PackageSet
from lab.catalog.steps import Copy, Install, Link, Step
from lab.oci.image_config import ContainerConfig

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image.

    `base` is the name of a recipe before this one, empty for none.  `version_of` is the package
    whose version gives the tags (1.22.1, 1.22, 1); `{version}` in the settings' environment stands
    for it.  Each of `variants` ends a tag (`-slim` makes 3.11-slim, and of `latest` slim), and
    `{codename}` in it stands for Debian's release.  `hub_tag` is the tag that is fetched from
    Docker Hub where there are no packages.
    """

    name: str
    about: str
    steps: tuple[Step, ...]
    settings: ContainerConfig
    base: str = ""
    version_of: str = ""
    is_release: bool = False
    variants: tuple[str, ...] = ("",)
    hub_tag: str = "latest"

    def tags(self, packages: PackageSet, release: Release) -> list[str]:
        """Return all tags of the image, `latest` first."""
        if self.is_release:
            named = [release.codename, f"{release.codename}-slim"]
            return ["latest", *named, *([release.version] if release.version else [])]
        if not self.version_of:
            return ["latest"]
        parts = self.version(packages).split(".")
        versions = [".".join(parts[:count]) for count in (len(parts), 2, 1)]
        endings = [ending.replace("{codename}", release.codename) for ending in self.variants]
        return [
            f"{version}{ending}" if version else ending.removeprefix("-") or "latest"
            for ending in endings
            for version in ["", *dict.fromkeys(versions)]
        ]

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
        name="registry",
        about="Debian's docker-registry, and htpasswd for its password file, as the official image",
        base="debian",
        version_of="docker-registry",
        hub_tag="2",
        steps=(
            Install(("docker-registry", "ca-certificates", "apache2-utils"), script="registry.sh"),
            Copy("registry", "COPY config.yml entrypoint.sh /"),
        ),
        settings=ContainerConfig(
            env=(_PATH,),
            exposed_ports=("5000/tcp",),
            volumes=("/var/lib/registry",),
            entrypoint=("/entrypoint.sh",),
            cmd=("/etc/docker/registry/config.yml",),
        ),
    ),
    Recipe(
        name="redis",
        about="Debian's redis with the user, the folder and the entry point of the official image",
        base="debian",
        version_of="redis-server",
        variants=("", "-{codename}"),
        steps=(
            Install(("redis-server",), script="redis.sh"),
            Copy("redis", "COPY docker-entrypoint.sh /usr/local/bin/"),
        ),
        settings=ContainerConfig(
            env=(_PATH, "REDIS_VERSION={version}"),
            exposed_ports=("6379/tcp",),
            volumes=("/data",),
            working_dir="/data",
            entrypoint=("docker-entrypoint.sh",),
            cmd=("redis-server",),
        ),
    ),
    Recipe(
        name="python",
        about="Debian's Python with pip and venv, and pip free to install, as the official image",
        base="debian",
        version_of="python3",
        variants=("", "-slim", "-slim-{codename}"),
        hub_tag="3.11-slim",
        steps=(
            Install(
                ("python3", "python-is-python3", "python3-pip", "python3-venv"), script="python.sh"
            ),
        ),
        settings=ContainerConfig(
            env=(_PATH, "LANG=C.UTF-8", "PYTHON_VERSION={version}"), cmd=("python3",)
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
