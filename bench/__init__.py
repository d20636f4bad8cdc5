"""Measurements beside a real Docker Engine: ratios, side by side in one run.  `make bench`."""
