"""One function, a hundred thousand targets: the inverse series is expanded once, and then only evaluated.

python examples/inverse_functions.py
"""

import numpy as np

from minent.roots import inverse_function, taylor_of


def main() -> None:
    for order in (4, 8, 12):
        inverse = inverse_function(taylor_of(lambda x: x + np.exp(x)), bracket=(-10.0, 5.0), order=order)
        targets = np.linspace(-9.0, 150.0, 100_000)
        found = inverse(targets)
        worst = np.abs(found + np.exp(found) - targets).max()
        print(f"order {order:2}: {len(inverse.nodes):4} nodes, residual {worst:.0e} over {targets.size:,} targets")
        assert worst < 1e-10


if __name__ == "__main__":
    main()
