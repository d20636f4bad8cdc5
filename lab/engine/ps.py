"""The everyday part of the program ps: its options, its columns, their looks.

The engine has no ps to run, and a container none that can be relied on.  Source: ps(1), procps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.runtime.processes import ProcessInfo

_FULL = "user:UID pid ppid c stime tname:TTY time cmd".split()
_FULLER = "user:UID pid ppid c sz rss psr stime tname:TTY time cmd".split()
_USER = "user pid pcpu pmem vsz rss tname:TTY stat start_time:START bsdtime:TIME args".split()
_PLAIN = "pid tname:TTY time ucmd".split()
_BSD_PLAIN = "pid tname:TTY stat bsdtime:TIME args".split()
_JOBS = "pid pgid sid tname:TTY time ucmd".split()
_FULL_JOBS = "user:UID pid ppid pgid sid c stime tname:TTY time cmd".split()
_SELECTING = set("eAaxdwhcN")
"""Letters that choose processes or widths: a container's are listed whatever they say."""
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Moment:
    """What the looks of columns depend on: seconds since boot and the epoch, memory, names."""

    uptime: float
    now: float
    memory: int
    users: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)

    def age(self, process: ProcessInfo) -> float:
        return max(0.0, self.uptime - process.started)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, and the text of a process in it."""

    title: str
    show: Callable[[ProcessInfo, Moment], str]


def parse(text: str) -> list[Column]:
    """Return the columns that ps's options ask for (`-ef`, `aux`, `-o pid,cmd`, `-eo pid=,comm`).

    Raises LabError for options that are not known here.
    """
    words = text.split()
    wanted: list[str] = []
    letters = ""
    is_bsd = False
    while words:
        word = words.pop(0)
        if word.startswith("--format") or (not word.startswith("--") and _has_list(word)):
            wanted += _listed(word, words)
            letters += word.lstrip("-").partition("o")[0] if not word.startswith("--") else ""
        elif word.startswith("--"):
            raise _unknown(word)
        else:
            is_bsd = is_bsd or not word.startswith("-")
            letters += word.lstrip("-")
    return [_column(name) for name in wanted or _format(letters, is_bsd)]


def _has_list(word: str) -> bool:
    return word.lstrip("-")[-1:] in ("o", "O") or ("o" in word.lstrip("-") and "," in word)


def _listed(word: str, rest: list[str]) -> list[str]:
    """Return the names of a list that follows `o`, in the same word or the next."""
    inline = word.partition("=")[2] if word.startswith("--") else word.partition("o")[2]
    if not inline and not rest:
        raise LabError("ps: error: format specification must follow -o")
    return [name for name in (inline or rest.pop(0)).split(",") if name]


def _format(letters: str, is_bsd: bool) -> list[str]:
    unknown = set(letters) - _SELECTING - set("fFujl")
    if unknown:
        raise _unknown(f"-{min(unknown)}")
    if "u" in letters:
        return _USER
    if "F" in letters:
        return _FULLER
    if "j" in letters:
        return _FULL_JOBS if "f" in letters else _JOBS
    if "f" in letters and not is_bsd:
        return _FULL
    return _BSD_PLAIN if is_bsd else _PLAIN


def _unknown(option: str) -> LabError:
    return LabError(
        f"ps: error: this engine's ps does not know {option}; use -ef, aux, or -o and a list",
    )


def _column(text: str) -> Column:
    name, colon, title = text.partition(":")
    name, equals, given = name.partition("=")
    if name not in _COLUMNS:
        raise LabError(f'ps: error: unknown user-defined format specifier "{name}"')
    known, show = _COLUMNS[name]
    return Column(given if equals else title if colon and not title.isdecimal() else known, show)


def user_name(uid: int, names: Mapping[int, str]) -> str:
    """Return a name as ps fits it into eight characters, or the number."""
    name = names.get(uid, str(uid))
    return name if len(name) <= 8 else f"{name[:7]}+"


def clock(seconds: float) -> str:
    """Return `[days-]hours:minutes:seconds`."""
    whole = int(seconds)
    days = f"{whole // _DAY}-" if whole >= _DAY else ""
    return f"{days}{whole % _DAY // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def elapsed(seconds: float) -> str:
    """Return `[[days-]hours:]minutes:seconds`."""
    text = clock(seconds)
    return text if seconds >= 3600 else text[3:]


def began(process: ProcessInfo, at: Moment) -> str:
    """Return when a process began: the time of today, a day of this year, or a year."""
    then = time.localtime(at.now - at.age(process))
    today = time.localtime(at.now)
    if then.tm_year != today.tm_year:
        return time.strftime("%Y", then)
    return time.strftime("%H:%M" if then.tm_yday == today.tm_yday else "%b%d", then)


def _share(process: ProcessInfo, at: Moment) -> float:
    age = at.age(process)
    return min(99.9, 100 * process.cpu / age) if age else 0.0


def _command(process: ProcessInfo, at: Moment) -> str:
    if process.state == "Z":
        return f"[{process.name}] <defunct>"
    return " ".join(process.command) or f"[{process.name}]"


def _name(process: ProcessInfo, at: Moment) -> str:
    return process.name + (" <defunct>" if process.state == "Z" else "")


def _stat(process: ProcessInfo, at: Moment) -> str:
    marks = "<" if process.nice < 0 else "N" if process.nice > 0 else ""
    marks += "s" if process.session == process.pid else ""
    marks += "l" if process.threads > 1 else ""
    marks += "+" if process.foreground == process.group else ""
    return process.state + marks


def _long_start(process: ProcessInfo, at: Moment) -> str:
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(at.now - at.age(process)))


def _cpu_minutes(process: ProcessInfo, at: Moment) -> str:
    return f"{int(process.cpu) // 60}:{int(process.cpu) % 60:02d}"


_PRINCIPAL: dict[str, tuple[str, Callable[[ProcessInfo, Moment], str]]] = {
    "user": ("USER", lambda each, at: user_name(each.uid, at.users)),
    "uid": ("UID", lambda each, at: str(each.uid)),
    "group": ("GROUP", lambda each, at: user_name(each.gid, at.groups)),
    "gid": ("GID", lambda each, at: str(each.gid)),
    "pid": ("PID", lambda each, at: str(each.pid)),
    "ppid": ("PPID", lambda each, at: str(each.parent)),
    "pgid": ("PGID", lambda each, at: str(each.group)),
    "sid": ("SID", lambda each, at: str(each.session)),
    "c": ("C", lambda each, at: str(int(_share(each, at)))),
    "pcpu": ("%CPU", lambda each, at: f"{_share(each, at):.1f}"),
    "pmem": ("%MEM", lambda each, at: f"{100 * each.resident / at.memory:.1f}"),
    "vsz": ("VSZ", lambda each, at: str(each.virtual // 1024)),
    "rss": ("RSS", lambda each, at: str(each.resident // 1024)),
    "sz": ("SZ", lambda each, at: str(each.virtual // 4096)),
    "psr": ("PSR", lambda each, at: str(each.processor)),
    "tname": ("TTY", lambda each, at: each.terminal),
    "stat": ("STAT", _stat),
    "s": ("S", lambda each, at: each.state),
    "ni": ("NI", lambda each, at: str(each.nice)),
    "pri": ("PRI", lambda each, at: str(19 - (each.priority - 20))),
    "nlwp": ("NLWP", lambda each, at: str(each.threads)),
    "stime": ("STIME", began),
    "start_time": ("START", began),
    "lstart": ("STARTED", _long_start),
    "etime": ("ELAPSED", lambda each, at: elapsed(at.age(each))),
    "etimes": ("ELAPSED", lambda each, at: str(int(at.age(each)))),
    "time": ("TIME", lambda each, at: clock(each.cpu)),
    "bsdtime": ("TIME", _cpu_minutes),
    "comm": ("COMMAND", _name),
    "ucmd": ("CMD", _name),
    "args": ("COMMAND", _command),
    "cmd": ("CMD", _command),
}
_SYNONYMS = {
    "euser": "user",
    "ruser": "user",
    "uname": "user",
    "euid": "uid",
    "egid": "gid",
    "pgrp": "pgid",
    "sess": "sid",
    "%cpu": "pcpu",
    "cp": "c",
    "%mem": "pmem",
    "vsize": "vsz",
    "rssize": "rss",
    "rsz": "rss",
    "tty": "tname",
    "tt": "tname",
    "state": "s",
    "nice": "ni",
    "thcount": "nlwp",
    "start": "start_time",
    "cputime": "time",
    "ucomm": "comm",
    "command": "args",
}
_COLUMNS = {**_PRINCIPAL, **{other: _PRINCIPAL[known] for other, known in _SYNONYMS.items()}}
