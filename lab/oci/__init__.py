"""Pure records of the OCI specifications: digests, descriptors, manifests, configs, references.

Nothing here does I/O.  Records are frozen; each is made from JSON by its own `from_json`, which
raises InvalidParameter for what is malformed.  Source: OCI image-spec 1.1, distribution-spec 1.1,
runtime-spec 1.2, and Docker's image manifest v2 schema 2.
"""
