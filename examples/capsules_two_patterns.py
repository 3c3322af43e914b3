"""Trained on one pattern at a time, asked about two: capsules against the mean of all places.

Each input is a bag of twelve vectors: one of ten patterns in a third of the places, noise in the others. The question
is which patterns are there; in training the answer is always one.

python examples/capsules_two_patterns.py
"""

import torch
from torch import nn

from minent.capsules import CapsuleLayer, lengths, margin_loss

PATTERNS, PLACES, DIM = 10, 12, 8


def bags(patterns: torch.Tensor, present: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Bags `(n, places, dim)` that hold the patterns of each row of `present`, four places of each."""
    inputs = 0.8 * torch.randn(len(present), PLACES, DIM, generator=random)
    for place, pattern in enumerate(present.repeat_interleave(4, dim=1).T):
        inputs[:, place] += patterns[pattern]
    return inputs


class Mean(nn.Module):
    """The mean of all places, and a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Sequential(nn.Linear(DIM, 32), nn.ReLU(), nn.Linear(32, PATTERNS), nn.Sigmoid())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.answer(inputs.mean(1))


class Capsules(nn.Module):
    """Lengths of capsules, one for each pattern."""

    def __init__(self, routing: str) -> None:
        super().__init__()
        self.layer = CapsuleLayer(DIM, PATTERNS, 8, routing=routing)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return lengths(self.layer(inputs).vectors)


def main() -> None:
    random = torch.Generator().manual_seed(0)
    patterns = torch.randn(PATTERNS, DIM, generator=random)
    one = torch.randint(PATTERNS, (3000, 1), generator=random)
    two = torch.stack([torch.randperm(PATTERNS, generator=random)[:2] for _ in range(1000)])
    training, pairs = bags(patterns, one, random), bags(patterns, two, random)
    found = {}
    for name, network in [("mean", Mean()), ("uniform", Capsules("uniform")), ("kmeans", Capsules("kmeans"))]:
        optimiser = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(8):
            for rows in torch.randperm(len(training), generator=random).split(100):
                optimiser.zero_grad()
                margin_loss(network(training[rows]), one[rows, 0]).backward()
                optimiser.step()
        with torch.inference_mode():
            answers = network(pairs).topk(2)
        both = (answers.indices.sort(1).values == two.sort(1).values).all(1)
        sure = both & (answers.values[:, 1] > 0.5)
        found[name] = float(both.float().mean()), float(sure.float().mean())
        print(f"{name:8} both patterns first {found[name][0]:.1%}, above one half besides {found[name][1]:.1%}")
    for ours, mean, uniform in zip(found["kmeans"], found["mean"], found["uniform"], strict=True):
        assert ours > max(mean, uniform) + 0.15


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
