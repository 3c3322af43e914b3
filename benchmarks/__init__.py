"""Measurements against named peers and written goals: `python -m benchmarks.<room>`."""
