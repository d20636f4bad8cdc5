"""nbgrader's settings for this course; nbgrader puts `get_config` in place when it reads this."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "docker-ko"
# what a learner finds in place of a solution: a comment for Python, and for a Dockerfile
c.ClearSolutions.code_stub = {"python": "# 여기에 쓰세요"}
c.ClearSolutions.text_stub = "여기에 답을 쓰세요"
# a build takes longer than ordinary cells
c.Execute.timeout = 120
c.Execute.shutdown_kernel = "immediate"
