"""What a resumed machine must be given anew: the time, and randomness of its own.

Source: random(4), Linux drivers/char/random.c.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time

_RNDADDENTROPY, _RNDRESEEDCRNG = 0x40085203, 0x5207


def set_clock(seconds: float) -> None:
    """Set the clock, in seconds since 1970."""
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def add_entropy(seed: bytes) -> None:
    """Make the kernel's random generator depend on `seed`, at once and for all processes."""
    random = os.open("/dev/urandom", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("=ii", len(seed) * 8, len(seed)) + seed
        fcntl.ioctl(random, _RNDADDENTROPY, request)
        # otherwise numbers drawn from the state that was saved would go on for up to a minute
        fcntl.ioctl(random, _RNDRESEEDCRNG)
    finally:
        os.close(random)
