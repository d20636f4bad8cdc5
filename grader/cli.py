"""The program `grader`.

Exit codes: 0 graded, whatever the score; 2 cannot be graded, and one sentence says why; 130
interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from asyncio import CancelledError
from collections.abc import Sequence
from pathlib import Path

from grader.errors import GraderError
from grader.texts import LANGUAGES

CANNOT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except GraderError as error:
        print(f"grader: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"        {error.hint}", file=sys.stderr)
        return CANNOT
    except (KeyboardInterrupt, CancelledError):
        print("grader: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grader", description="Grades the lab's exercises.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    grade = commands.add_parser("grade", help="grade one submission against a fresh engine")
    grade.add_argument("file", type=Path, help="the notebook that was handed in")
    grade.add_argument("--assignment", required=True, help="the exercise, e.g. 02_first_container")
    grade.add_argument("--course", type=Path, help="the course's folder (default: the lab's own)")
    grade.add_argument("--student", help="whose it is (default: from submitted/STUDENT/...)")
    grade.add_argument("--lang", choices=LANGUAGES, help="language of the report")
    grade.add_argument("--json", action="store_true", help="print the report as JSON")
    grade.add_argument("--output", type=Path, help="write the replayed notebook there")
    grade.add_argument("--catalog", type=Path, help="folder of the official images")
    grade.add_argument("--cell-timeout", type=_seconds, default=120, metavar="SECONDS")
    grade.add_argument("--timeout", type=_seconds, default=600, metavar="SECONDS")
    grade.set_defaults(run=_grade)
    return parser


def _grade(options: argparse.Namespace) -> int:
    # nbformat imports jsonschema, and that a grammar of IRIs, which no notebook needs and which
    # takes a second of processor time; jsonschema does without it where it is not installed
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    # imported here: notebooks and kernels take long to import, `--help` should not
    from grader.command import grade_file

    report, language = grade_file(options, os.environ)
    if options.json:
        print(json.dumps(report.to_json(language), ensure_ascii=False, indent=1))
    else:
        print(report.as_text(language))
    return 0


def _seconds(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
