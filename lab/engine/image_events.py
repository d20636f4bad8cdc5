"""What happens to images, in the journal.

Members beyond Docker's own (`name` and the image's labels): `image` is the image's id, `digest`
that of the manifest, `repository` the whole name without a tag, and `tag`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.journal import Journal
from lab.oci.reference import Reference

TYPE = "image"


def log_image(
    journal: Journal,
    action: str,
    actor: str,
    name: str,
    labels: Mapping[str, str],
    **more: str,
) -> None:
    """Journal that `action` happened to an image.

    `actor` and `name` are what Docker names as such: ids or names, depending on the action.  An
    image's labels cannot stand for members that the engine sets.
    """
    journal.append(TYPE, action, actor, {**labels, "name": name, **more})


def name_members(ref: Reference) -> dict[str, str]:
    """Return the members that tell a name."""
    members = {"repository": ref.name}
    if ref.tag:
        members["tag"] = ref.tag
    if ref.digest is not None:
        members["digest"] = str(ref.digest)
    return members
