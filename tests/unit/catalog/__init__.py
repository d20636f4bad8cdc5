"""Tests of the catalog: packages, trees, layers, the stamp, and making it all with stand-ins."""
