"""The comparison of process, container and virtual machine: what was measured here, and facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from lab.course.measurements import KINDS, Measurement
from lab.errors import InvalidParameter
from lab.widgets import assets, texts
from lab.widgets.texts_vm import VM_OR_CONTAINER

MAX_MEASUREMENTS = 60
"""More are not drawn; of one kind and count, the latest is."""

_MEMBERS = frozenset(Measurement.__dataclass_fields__)


class VmOrContainer(anywidget.AnyWidget):
    """Shows measurements (see lab.course.measurements) as bars, and two ways compared on six points.

        VmOrContainer(measure("process") + measure("container") + measure("vm"))

    Setting `measurements` shows others.  Nothing is drawn for what was not measured.
    """

    _esm = assets.script("dom", "bars", "comparison", "vm_or_container")
    _css = assets.style("common", "live", "vm_or_container")

    words = traitlets.Dict(texts.table(texts.COMMON, VM_OR_CONTAINER)).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    measurements: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, measurements: Iterable[Mapping[str, Any]] = (), *, lang: str = "") -> None:
        lang = lang or texts.language_of_lesson(Path.cwd())
        super().__init__(measurements=[dict(each) for each in measurements], lang=lang)

    def __repr__(self) -> str:
        return f"VmOrContainer({len(self.measurements)} measurements)"

    @traitlets.validate("measurements")
    def _checked(self, proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
        latest: dict[tuple[str, int], dict[str, Any]] = {}
        for each in proposal["value"]:
            if not isinstance(each, Mapping) or set(each) != _MEMBERS or each["kind"] not in KINDS:
                raise InvalidParameter(f"not a measurement, as measure() returns it: {each!r:.80}")
            latest[each["kind"], each["count"]] = dict(each)
        ordered = sorted(latest, key=lambda key: (KINDS.index(key[0]), key[1]))
        return [latest[key] for key in ordered[:MAX_MEASUREMENTS]]
