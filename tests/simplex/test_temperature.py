"""The temperature for an entropy: hit over all feasible targets, refused by row and range outside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minent import errors
from minent.simplex import temperature_for_entropy
from tests.simplex import reference


@settings(max_examples=150, deadline=None)
@given(
    z=st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=2, max_size=12),
    share=st.floats(1e-4, 1 - 1e-4),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_the_entropy_is_hit(z, share, scale):
    ties = z.count(max(z))
    assume(ties < len(z))
    target = math.log(ties) + share * (math.log(len(z)) - math.log(ties))
    row = np.array(z) * scale
    temperature = temperature_for_entropy(torch.tensor(row), target).item()
    assert reference.softmax_entropy(row, temperature) == pytest.approx(target, abs=1e-10)


def test_rows_targets_and_masks():
    z = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    z[0, 1, 2:4] = -math.inf
    targets = torch.linspace(0.2, 1.2, 6).view(2, 3)
    temperatures = temperature_for_entropy(z, targets)
    assert temperatures.dtype == torch.float32
    p = torch.softmax(z / temperatures.unsqueeze(-1), -1)
    torch.testing.assert_close(torch.special.entr(p).sum(-1), targets, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("row", "target", "message"),
    [
        ([1.0, 0.0], 0.7, r"entropy 0.7 of scores\[1\] is out of reach .* between 0 and 0.693147"),
        ([2.0, 2.0, 0.0], 0.5, r"between 0.693147 and 1.09861"),
        ([1.0, 1.0], 0.5, "out of reach"),
        ([1.0, 0.0], math.nan, "out of reach"),
        ([-math.inf, -math.inf], 0.5, "out of reach"),
        ([math.nan, 0.0], 0.5, r"scores\[1\] holds NaN"),
    ],
)
def test_out_of_reach_is_named(row, target, message):
    fine = torch.arange(float(len(row)))
    targets = torch.tensor([0.3, target])
    with pytest.raises(errors.InputError, match=message):
        temperature_for_entropy(torch.stack([fine, torch.tensor(row)]), targets)


def test_targets_must_match_the_rows():
    with pytest.raises(errors.InputError, match=r"entropy has shape \(3,\), but the rows of scores have shape \(2,\)"):
        temperature_for_entropy(torch.zeros(2, 4), torch.zeros(3))
