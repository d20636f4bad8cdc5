"""Route of images made of containers.  Source: Docker Engine API, ImageCommit."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from lab.api.bodies import answer, read_object
from lab.api.keys import ENGINE
from lab.api.params import flag
from lab.api.requests import parse_config
from lab.engine.commits import CommitRequest
from lab.errors import InvalidParameter
from lab.oci.reference import Reference, check_tag


async def commit(request: web.Request) -> web.Response:
    engine, query = request.app[ENGINE], request.query
    container = engine.containers.get(query.get("container", ""))
    body = await read_object(request, optional=True)
    wanted = CommitRequest(
        name=_name(query.get("repo", ""), query.get("tag", "")),
        comment=query.get("comment", ""),
        author=query.get("author", ""),
        changes=query.getall("changes", []),
        config=parse_config(body) if body else None,
        pause=flag(request, "pause", True),
    )
    image = await engine.commits.commit(container, wanted)
    return answer({"Id": str(image.id)}, status=201)


def _name(repo: str, tag: str) -> Reference | None:
    """Return the name that `repo` and `tag` spell, None without one; InvalidParameter."""
    if not repo:
        return None
    reference = Reference.parse(repo)
    if reference.digest is not None:
        raise InvalidParameter("refusing to create a tag with a digest reference")
    return replace(reference, tag=check_tag(tag)) if tag else reference.tagged()


ROUTES = [("POST", "/commit", commit)]
