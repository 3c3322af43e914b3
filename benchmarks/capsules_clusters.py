"""Soft K-Means beside scikit-learn."""

from pathlib import Path


def measure(data: Path) -> None:
    pass
