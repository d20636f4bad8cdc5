"""The one error tree.  It imports nothing, and everything may raise from it.

    LabError                    anything the lab reports on purpose
      InvalidParameter          the request is malformed or names something impossible
        DigestMismatch          content is not what its digest promised
        UnsafePath              a path would leave the folder it belongs to
        BuildError              a Dockerfile is wrong, or one of its steps failed
      Unauthorized              no or wrong credentials
      Forbidden                 known, but not allowed
      NotFound                  the named object does not exist
      NotModified               already in the state that was asked for
      Conflict                  the object's present state, or its name, forbids it
      Unavailable               a part that is needed does not answer
        RegistryError           a registry answered with an error of its own
      Unsupported               Docker can do it, this engine does not (yet)
      NetworkError              an address or a host port cannot be had
      StartError                a container's process could not be started
      SyscallError              the kernel refused a system call (also an OSError)
      SandboxUnavailable        this place allows no sandbox of the wanted kind

Messages follow Docker's wording where Docker has one: docker-py chooses its exception class
from it, and learners search the web for it.  `hint` says what to do next.
"""

from __future__ import annotations

import os


class LabError(Exception):
    """Base of all errors that are meant to be read by a person.

    `message` is one sentence in Docker's wording; `hint`, when set, says what to try next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            # in a notebook nobody but the traceback tells it
            self.add_note(hint)


class InvalidParameter(LabError):
    """The request is malformed, or asks for something that cannot be."""


class DigestMismatch(InvalidParameter):
    """Content does not hash to the digest that it was announced with."""


class UnsafePath(InvalidParameter):
    """A path (of an archive's member, a build context, a bind) leaves its folder."""


class BuildError(InvalidParameter):
    """A Dockerfile cannot be parsed, or one of its instructions failed.

    `line` is the 1-based line of the instruction, 0 when there is none; `code` is the exit
    code of a failed RUN, None otherwise.
    """

    def __init__(self, message: str, line: int = 0, code: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.code = code


class Unauthorized(LabError):
    """No credentials where some are needed, or wrong ones."""


class Forbidden(LabError):
    """The caller is known, and is not allowed to do this."""


class NotFound(LabError):
    """The named object does not exist."""


class NotModified(LabError):
    """The object is already as asked (start of a running container)."""


class Conflict(LabError):
    """The object's state, or a name that is taken, forbids the request."""


class Unavailable(LabError):
    """A part that the request needs does not answer."""


class RegistryError(Unavailable):
    """A registry answered with an error; `status` is its HTTP status."""

    def __init__(self, message: str, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class Unsupported(LabError):
    """Docker has this, the lab's engine does not; the message names it."""


class NetworkError(LabError):
    """No address is left, or a host port cannot be bound."""


class StartError(LabError):
    """The process of a container or an exec could not be started.

    `exit_code` is what the container's state shows afterwards (126 not executable, 127 not
    found, 128 anything else).
    """

    def __init__(self, message: str, exit_code: int = 128, hint: str = "") -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class SyscallError(LabError, OSError):
    """The kernel refused a system call; the message shows the call with its arguments."""

    def __init__(self, errno: int, call: str) -> None:
        OSError.__init__(self, errno, os.strerror(errno))
        self.message = f"{call}: {os.strerror(errno)}"
        self.hint = ""

    def __str__(self) -> str:
        return f"[Errno {self.errno}] {self.message}"


class SandboxUnavailable(LabError):
    """No sandbox of the wanted kind can be had here; the message says why and what would help."""
