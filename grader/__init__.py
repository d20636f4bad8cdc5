"""Exercises: what a learner is told at once, and the points that an instructor gets."""
