"""One linear model, three losses: how many of ten classes keep any probability, and is the right one among them?

python examples/sparse_probabilities.py
"""

import torch
from sklearn.datasets import load_digits

from minent.simplex import entmax, entmax_loss


def main() -> None:
    digits = load_digits()
    x, y = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    kept = []
    known, new = slice(0, 1200), slice(1200, None)
    for alpha, name in ((1.0, "softmax"), (1.5, "entmax 1.5"), (2.0, "sparsemax")):
        torch.manual_seed(0)
        model = torch.nn.Linear(64, 10)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(100):
            optimiser.zero_grad()
            entmax_loss(model(x[known]), y[known], alpha=alpha).backward()
            optimiser.step()
        with torch.no_grad():
            p = entmax(model(x[new]), alpha=alpha)
        held = p[torch.arange(len(p)), y[new]] > 0
        right = (p.argmax(1) == y[new]).float().mean()
        kept.append((p > 0).sum(1).float().mean())
        print(f"{name:10}: {kept[-1]:4.1f} classes kept, {held.float().mean():.1%} hold the digit, {right:.1%} right")
        assert held.float().mean() > 0.95
        assert right > 0.9
    assert kept[0] == 10
    assert kept[2] < kept[1] < 3


if __name__ == "__main__":
    main()
