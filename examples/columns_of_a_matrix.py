"""A matrix by a few of its own columns: which ones, and how far off is the rest?

python examples/columns_of_a_matrix.py
"""

import numpy as np

from minent.lowrank import interpolative


def main() -> None:
    x, y = np.linspace(0, 1, 300)[:, None], np.linspace(0, 1, 200)[None, :]
    a = 1 / (1 + 20 * np.abs(x - y))
    for rank in (5, 10, 20, 40):
        found = interpolative(a, rank=rank, seed=0)
        left = np.linalg.norm(a - a[:, found.columns] @ found.coefficients)
        best = np.linalg.norm(np.linalg.svd(a, compute_uv=False)[rank:])
        print(f"{rank:3} columns: error {left:.4f}, {left / best:.2f} of the best matrix of that rank")
        assert left < 1.5 * best


if __name__ == "__main__":
    main()
