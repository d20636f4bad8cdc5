"""Tests of the classic builder."""
