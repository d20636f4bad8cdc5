"""What is done before there is an engine, so that no start has to wait for it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """\
import sys
import lab.daemon
from lab.engine.settings import HostSettings
from lab.engine.warm import warm_up
warm_up()
before = set(sys.modules)
from lab.runtime import cgroups, seccomp
from lab.engine.security import effective_capabilities
def refuse(*_): raise AssertionError("compiled again")
seccomp.Filter = refuse
seccomp.compile_default(tuple(sorted(effective_capabilities([], []))))
for hierarchies in ({}, {"unified": "/x"}, {"memory": "/x"}):
    cgroups.manager(hierarchies)
import gc
assert gc.get_freeze_count() > 10_000
print(sorted(set(sys.modules) - before))
"""


def test_nothing_is_left_for_the_first_container() -> None:
    """Is the usual filter compiled, and everything imported, before an engine is made?"""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
