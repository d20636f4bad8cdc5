"""A link that opens a published port in the learner's browser, wherever the lab runs."""

from __future__ import annotations

import anywidget
import traitlets

from lab.errors import InvalidParameter
from lab.widgets import assets, texts


class PortLink(anywidget.AnyWidget):
    """A link to a port of the host, through the Jupyter server's proxy.

    The browser knows the server's own address (which on a hub has a path), so it makes the
    address of the link.  Source: jupyter-server-proxy, Accessing arbitrary ports.
    """

    _esm = assets.script("dom", "port_link")
    _css = assets.style("common", "port_link")

    words = traitlets.Dict(texts.table(texts.COMMON, texts.PORTS)).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    port = traitlets.Int().tag(sync=True)
    path = traitlets.Unicode("").tag(sync=True)

    def __repr__(self) -> str:
        return f"http://localhost:{self.port}/{self.path}"


def open_port(port: int, path: str = "", lang: str = "") -> PortLink:
    """Return a link, to be shown by a notebook, that opens a published port in a new tab.

    `path` is what follows the first slash.  Raises InvalidParameter if `port` is no port.
    """
    if not 0 < port < 65536:
        raise InvalidParameter(f"not a port: {port}")
    return PortLink(port=port, path=path.lstrip("/"), lang=lang)
