"""Containers between their record and their creation: the volumes of these are still being filled."""

from __future__ import annotations

from lab.engine.containers import Container, Containers


async def finish(containers: Containers, container: Container) -> Container:
    """Fill the volumes of a new container; only then has it been created, and is that told.

    Returns the container.  Nobody can start it meanwhile.  If it fails, nothing is left of it.
    """
    if not container.record.unfinished:
        return container
    async with container.lock:
        try:
            await containers.places.fill(container)
            container.record.unfinished = False
            with containers.together():
                containers.save(container)
                containers.log_event(container, "create")
        except BaseException:
            containers.remove(container, volumes=True)
            raise
    return container


def drop(containers: Containers) -> None:
    """Remove those that an earlier engine has left: nobody was told that they exist."""
    for container in containers.all():
        if container.record.unfinished:
            containers.remove(container, volumes=True)
