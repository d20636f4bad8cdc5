"""Where unpacked layers and containers' changes lie on disk, and how they are mounted.

`base` tells what a snapshotter is; `overlay` and `native` are the two that exist.
"""
