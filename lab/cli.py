"""The program `lab`: set-up, start, the engine alone, what works here, accounts, a fresh state."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab import __version__
from lab.config import Config, check_socket_path
from lab.errors import InvalidParameter, LabError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.  Errors are one sentence on standard error."""
    options = _parser().parse_args(argv)
    try:
        code = int(options.run(Config.from_environ(), options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _reader_left()
    except LabError as error:
        print(f"lab: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"     {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


def _reader_left() -> int:
    """End quietly when who reads the output has seen enough, as `head` has."""
    with open(os.devnull, "wb") as nobody:
        os.dup2(nobody.fileno(), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="The Docker Learning Lab.")
    parser.add_argument("--version", action="version", version=f"lab {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    setup = commands.add_parser("setup", help="prepare everything that the lab needs, once")
    setup.set_defaults(run=_setup)

    _add_start(commands)
    engine = commands.add_parser("engine", help="run the engine alone, in the foreground")
    engine.add_argument("--socket", type=Path, help="where to listen for the Docker API")
    engine.add_argument("--root", type=Path, help="folder of the engine's state")
    _add_sandbox(engine)
    engine.add_argument("--catalog", help="folder of the official images; empty for none")
    engine.add_argument(
        "--until-stdin-closes", action="store_true", help="end when standard input does"
    )
    engine.set_defaults(run=_engine)

    doctor = commands.add_parser("doctor", help="try what this place allows, and what works here")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--lang", choices=("en", "ko"), help="default: as the terminal")
    doctor.add_argument("--root", type=Path, help="folder of the engine's state")
    doctor.set_defaults(run=_doctor)

    _add_hub(commands)

    reset = commands.add_parser("reset", help="forget all images and containers; keep progress")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.add_argument(
        "--progress",
        action="store_true",
        help="forget the progress instead; keep the engine's state",
    )
    reset.set_defaults(run=_reset)
    return parser


def _add_start(commands: Any) -> None:
    start = commands.add_parser("start", help="open JupyterLab with the lab in it")
    start.add_argument("--port", type=int, help="port of JupyterLab (default: a free one)")
    start.add_argument("--no-browser", action="store_true", help="only print the address")
    start.add_argument(
        "--docker-host",
        metavar="ADDRESS",
        help="use a Docker Engine of your own, such as unix:///var/run/docker.sock",
    )
    _add_sandbox(start)
    start.set_defaults(run=_start)


def _add_hub(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    hub = commands.add_parser("hub", help="the lab's own Docker Hub")
    hub_commands = hub.add_subparsers(required=True, metavar="COMMAND")
    add_user = hub_commands.add_parser("add-user", help="make an account")
    add_user.add_argument("name")
    add_user.add_argument("--password-stdin", action="store_true")
    add_user.add_argument("--root", type=Path, help="folder of the engine's state")
    add_user.set_defaults(run=_add_user)
    serve = hub_commands.add_parser(
        "serve", help="let other programs of this machine reach the Hub, on a port"
    )
    serve.add_argument("--port", type=int, default=5500, help="default: %(default)s; 0: any")
    serve.add_argument("--root", type=Path, help="folder of the engine's state")
    serve.set_defaults(run=_serve_hub)


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sandbox",
        metavar="KIND",
        help="where the engine lives: namespaces, vm, or auto, the first that works"
        " (default: $LAB_SANDBOX, else auto)",
    )


def _setup(config: Config, options: argparse.Namespace) -> int:
    from lab.setup import run

    return run(config, print)


def _start(config: Config, options: argparse.Namespace) -> int:
    from lab.jupyter.start import run

    if options.sandbox:
        # the server's extension starts the engine, and reads this
        os.environ["LAB_SANDBOX"] = options.sandbox
    if options.docker_host is not None:
        config = replace(config, docker_host=options.docker_host)
    return run(config, options.port, not options.no_browser)


def _engine(config: Config, options: argparse.Namespace) -> int:
    from lab.sandbox.base import Launch, run

    root = options.root or config.engine_root
    socket = options.socket or root / "docker.sock"
    catalog = config.catalog if options.catalog is None else options.catalog or None
    launch = Launch(
        root=root.absolute(),
        socket=check_socket_path(socket),
        catalog=Path(catalog).absolute() if catalog else None,
        until=sys.stdin.fileno() if options.until_stdin_closes else None,
    )
    kind = options.sandbox or config.sandbox
    return run(kind, launch, lambda line: print(line, flush=True))


def _doctor(config: Config, options: argparse.Namespace) -> int:
    from lab.sandbox.doctor import examine

    report = examine(config, __version__, options.root and options.root.absolute())
    if options.json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    else:
        from lab.sandbox.doctor_show import lines

        language = options.lang or _language()
        width = shutil.get_terminal_size((100, 24)).columns
        for line in lines(report, language, width, sys.stdout.isatty()):
            print(line)
    return 0 if report.works else 1


def _language() -> str:
    """Return the language of the lab's that the terminal is set to."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "ko" if (wanted or "").startswith("ko") else "en"


def _add_user(config: Config, options: argparse.Namespace) -> int:
    from lab.registry.hub import open_accounts
    from lab.sandbox.vm import accounts

    if options.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise InvalidParameter("the two passwords differ")
    root: Path = options.root or config.engine_root
    if accounts.is_inside(root):
        accounts.add(root, options.name, password)
    else:
        with open_accounts(root / "hub") as on_host:
            on_host.add(options.name, password)
    print(f"Account {options.name} made.")
    return 0


def _serve_hub(config: Config, options: argparse.Namespace) -> int:
    import asyncio

    from lab.registry.doorway import open_doorway

    def ready(port: int) -> None:
        print(f"The Hub is at localhost:{port}, until Ctrl-C.", flush=True)

    socket = (options.root or config.engine_root).absolute() / "hub.sock"
    try:
        asyncio.run(open_doorway(socket, options.port, ready))
    except KeyboardInterrupt:
        pass
    return 0


def _reset(config: Config, options: argparse.Namespace) -> int:
    if options.progress:
        return _reset_progress(config, options)
    from lab.sandbox.reset import reset

    if not _sure(
        options, "This deletes all images, containers and Hub accounts of the lab's engine."
    ):
        return 1
    reset(config.engine_root)
    print("The engine starts anew at the next `lab start`.")
    return 0


def _reset_progress(config: Config, options: argparse.Namespace) -> int:
    from lab.course.progress import Progress

    if not _sure(options, "This forgets which lessons, predictions and questions you have done."):
        return 1
    Progress(config.state).reset()
    print("The course begins anew. The engine's images and containers are as they were.")
    return 0


def _sure(options: argparse.Namespace, what: str) -> bool:
    """Ask, unless told not to, whether to do what cannot be undone."""
    if options.yes:
        return True
    print(what)
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    sys.exit(main())
