"""Kepler's equation `E - e sin E = M` for many planets at once, at every order from Newton's to the sixth.

python examples/kepler.py
"""

import numpy as np

from minent.roots import find_root_array, taylor_of


def main() -> None:
    mean_anomaly = np.linspace(0.01, np.pi - 0.01, 1000)
    for eccentricity in (0.1, 0.6, 0.99):
        for order in (2, 3, 4, 6):
            root = find_root_array(
                taylor_of(lambda x, e=eccentricity: x - e * np.sin(x) - mean_anomaly),
                bracket=(mean_anomaly, mean_anomaly + eccentricity),
                order=order,
            )
            worst = np.abs(root.value - eccentricity * np.sin(root.value) - mean_anomaly).max()
            print(f"e {eccentricity}, order {order}: {root.steps.mean():4.1f} evaluations, residual {worst:.0e}")
            assert worst < 1e-14


if __name__ == "__main__":
    main()
