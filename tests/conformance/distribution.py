"""The OCI distribution specification's own tests against the lab's Hub: `make conformance-hub`.

    python -m tests.conformance.distribution PROGRAM

PROGRAM is what `go build` makes of the folder `conformance` of the specification's repository
(github.com/opencontainers/distribution-spec, from version 1.2 on; Go 1.24).  Everything that it can
test is switched on, but what the specification leaves open and the Hub, as Docker's registry, does
not do: manifests whose parts were never pushed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from lab.registry.hub import Hub

_NAME, _PASSWORD = "judge", "sesame-sesame"
_LIMIT = 300.0
"""Seconds for all tests; they take about three."""


def main(words: list[str]) -> int:
    """Print the program's report; return 0 if nothing failed."""
    if len(words) != 1 or not os.access(words[0], os.X_OK):
        print("name the program that is made of the specification's folder `conformance`")
        return 2
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        return asyncio.run(_judged(Path(words[0]).absolute(), Path(name)))


async def _judged(program: Path, folder: Path) -> int:
    hub = Hub(folder / "hub", None)
    hub.accounts.add(_NAME, _PASSWORD)
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        environ = {**os.environ, **_settings(runner.addresses[0][1], folder)}
        process = await asyncio.create_subprocess_exec(
            str(program), env=environ, cwd=folder, stdout=subprocess.PIPE
        )
        said, _ = await asyncio.wait_for(process.communicate(), _LIMIT)
    finally:
        await runner.cleanup()
        hub.close()
    text = said.decode()
    # the full list is long, and the summary names each kind of test
    print(text if process.returncode else text[text.rfind("OCI Conformance Result") :])
    return process.returncode or 0


def _settings(port: int, folder: Path) -> dict[str, str]:
    return {
        "OCI_VERSION": "dev",
        "OCI_REGISTRY": f"127.0.0.1:{port}",
        "OCI_TLS": "disabled",
        "OCI_USERNAME": _NAME,
        "OCI_PASSWORD": _PASSWORD,
        "OCI_REPO1": f"{_NAME}/first",
        "OCI_REPO2": f"{_NAME}/second",
        "OCI_RESULTS_DIR": str(folder / "results"),
        "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
        "OCI_API_BLOBS_DIGEST_HEADER": "true",
        "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
        "OCI_API_MANIFESTS_TAG_PARAM": "true",
        "OCI_DATA_SPARSE": "false",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
