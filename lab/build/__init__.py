"""The classic builder: from the text of a Dockerfile to an image, in stages.

    bytes      --parser, lines-->          nodes: keyword, flags, arguments, line
    nodes      --instructions-->           records: one frozen class for each instruction
    records    --plan-->                   numbered steps
    step       --steps, expand, args-->    what to do, with variables put in
    what to do --executor, cache, copy-->  images, through a backend

Everything before the executor is pure: it reads nothing and changes nothing.  The executor
changes the world only through the `Backend` that it is given (`backend.py`), which the engine
makes of containers and snapshots.
"""
