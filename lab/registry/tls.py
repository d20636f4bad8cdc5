"""What certificates a registry's folder brings: its signers, and proofs of who the client is.

Source: docs.docker.com, Verify repository client with certificates; moby's registry package for
the wording.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from lab.errors import RegistryError
from lab.registry.endpoint import Endpoint


def context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Return what the endpoint's folder asks for; None if there is nothing in it.

    Raises RegistryError for a certificate without a key or the other way round, ssl.SSLError or
    OSError for files that cannot be used.
    """
    files = sorted(endpoint.trusted.glob("*")) if endpoint.trusted else []
    signers = [path for path in files if path.suffix == ".crt"]
    proofs = _pairs(files)
    if not (signers or proofs):
        return None
    made = ssl.create_default_context()
    if not endpoint.verify_tls:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for path in signers:
        made.load_verify_locations(path)
    for certificate, key in proofs:
        made.load_cert_chain(certificate, key)
    return made


def _pairs(files: list[Path]) -> list[tuple[Path, Path]]:
    """Return the clients' certificates with their keys."""
    certificates = [path for path in files if path.suffix == ".cert"]
    for path in certificates:
        key = path.with_suffix(".key")
        if key not in files:
            raise RegistryError(
                f"missing key {key.name} for client certificate {path.name}. CA certificates must"
                " use the extension .crt"
            )
    for path in files:
        if path.suffix == ".key" and path.with_suffix(".cert") not in files:
            wanted = path.with_suffix(".cert").name
            raise RegistryError(f"missing client certificate {wanted} for key {path.name}")
    return [(path, path.with_suffix(".key")) for path in certificates]
