"""From the command line of `grader grade` to a submission and the means to grade it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from grader import exercise as exercises
from grader import notebook
from grader.grading import Means, Submission, grade
from grader.replay import Limits
from grader.report import Report
from grader.student import NOBODY, Student, id_from_path
from grader.texts import language_of
from lab.sandbox import defaults


def grade_file(options: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Report, str]:
    """Grade what the options name; return the report and the language to print it in."""
    language = options.lang or language_of(notebook.read(options.file).metadata)
    if options.course is None:
        folder = exercises.folder_of_exercises(environ)
        course = exercises.folder_of_course(folder, language)
    else:
        course = options.course.absolute()
        folder = course.parent
    source = exercises.source_of(course, options.assignment)
    student_id = options.student or id_from_path(options.file) or NOBODY
    submission = Submission(
        file=options.file,
        student=Student(student_id, options.assignment),
        exercise=exercises.load(folder, options.assignment),
        source=source,
        language=language,
    )
    means = Means(
        catalog=options.catalog or defaults.catalog(),
        search_path=defaults.search_path(),
        environ=environ,
        limits=Limits(options.cell_timeout, options.timeout),
    )
    return grade(submission, means, options.output), language
