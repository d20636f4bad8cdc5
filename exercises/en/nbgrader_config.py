"""nbgrader's settings for this course; nbgrader puts `get_config` in place when it reads this."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "docker-en"
# what a learner finds in place of a solution: a comment for Python, and for a Dockerfile
c.ClearSolutions.code_stub = {"python": "# your lines here"}
c.ClearSolutions.text_stub = "Your answer here"
# a build takes longer than ordinary cells
c.Execute.timeout = 120
c.Execute.shutdown_kernel = "immediate"
