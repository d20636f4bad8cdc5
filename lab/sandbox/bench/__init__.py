"""The workbench: a Python interpreter in a sandbox of its own, driven from a notebook.

    notebook --messages--> keeper (outside, single-threaded) --> inside (PID 1 of the new sandbox)

Where the sandbox is a virtual machine, keeper and inside both run in a guest.
"""
