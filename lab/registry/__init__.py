"""The lab's Hub, an OCI distribution server, and the client of this and any other registry.

Server: `hub` builds the parts, `app` is the table of routes, `blobs` and `manifests` their
handlers; `access` says who is calling and what they may do, out of `accounts`, `rights` and
`tokens`; `storage` keeps what was pushed, `uploads` what is arriving, `catalog` shows official
images.  Client: `client` is what the engine calls, over `transport`, `challenge` and `endpoint`.

Source: OCI distribution-spec 1.1, and Docker's token authentication.
"""
