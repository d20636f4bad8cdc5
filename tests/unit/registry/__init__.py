"""Tests of the Hub and of the client of registries."""
