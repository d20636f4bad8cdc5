"""A link that opens a published port in the learner's browser, wherever the lab runs."""

from __future__ import annotations

import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

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
    lang = lang or texts.language_of_lesson(Path.cwd())
    return PortLink(port=port, path=path.lstrip("/"), lang=lang)


def read_port(port: int, path: str = "", limit: float = 15.0) -> str:
    """Return what a web server answers at a port of this host, asked as a browser asks.

    Waits up to `limit` seconds for the server to answer at all; raises ConnectionError if it
    does not.  An answer such as "404 Not Found" is an answer.
    """
    end = time.monotonic() + limit
    while True:
        connection = HTTPConnection("localhost", port, timeout=limit)
        try:
            connection.request("GET", "/" + path.lstrip("/"))
            return connection.getresponse().read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            if time.monotonic() > end:
                raise ConnectionError(f"nothing answers at localhost:{port} ({error})") from error
            time.sleep(0.1)
        finally:
            connection.close()
