"""The course: what a learner has done and can measure; no drawing."""
