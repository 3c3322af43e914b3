"""Where the prompts start. In low data the start decides more than what stands behind the prompts.

Source: Lester, Al-Rfou & Constant (2021), arXiv 2104.08691 (class names beat draws); Gu et al. (2022), arXiv 2109.04332
(slots that pretraining has met beat both).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from minent.errors import InputError
from minent.prompts.body import Body, listening
from minent.prompts.model import embed
from minent.prompts.rows import Rows

STARTS = ("auto", "slots", "names", "mean", "random")
NOISE = 0.1  # of the vocabulary's spread: slots that start together would learn together


def prompt_start(body: Body, anchors: np.ndarray, names: np.ndarray, start: str) -> Tensor:
    """Return the vectors that the slots start from, `(slots, dim)`; draws come from torch's generator.

    Args:
        body: The body.
        anchors: For each slot the id of the word it starts from, or -1.
        names: Ids of the words of all classes.
        start: `"slots"` takes those that pretraining has trained, `"names"` the words of the classes, `"mean"` the mean
            of the vocabulary with some noise, `"random"` drawn words; where there are too few, they are taken over
            again. `"auto"` takes the slots where there are any, and the mean where there are none.

    Raises:
        InputError: `"slots"` for a body that has none.
    """
    count = len(anchors)
    known = body.slots()
    if start == "slots" and not len(known):
        raise InputError("start is 'slots', but pretraining gave this backbone none. Choose 'names' or 'mean'.")
    around = torch.arange(count)
    if start == "names":
        found = body.lookup(torch.from_numpy(names)[around % len(names)])
    elif start == "random":
        found = body.lookup(torch.randint(body.first_slot, (count,)))
    elif start == "slots" or (start == "auto" and len(known)):
        found = known[around % len(known)]
    else:
        table = body.lookup(torch.arange(body.first_slot))
        found = table.mean(dim=0) + NOISE * table.std(dim=0) * torch.randn(count, body.dim)
    given = torch.from_numpy(anchors)
    return torch.where(given[:, None] < 0, found, body.lookup(given.clamp_min(0))).detach()


@torch.no_grad()
def deep_start(body: Body, prompts: Tensor, rows: Rows) -> Tensor:
    """Return what stands in the slots before each block but the first, averaged over some rows.

    So a model with deep prompts starts near the one without.

    Args:
        body: The body.
        prompts: Where the prompts start, `(slots, dim)`.
        rows: Texts in the template.

    Returns:
        `((layers - 1) * slots, hidden_dim)`.

    Raises:
        InputError: A body whose blocks cannot be told apart.
    """
    if len(body.layers()) < 2:
        raise InputError(
            "deep=True, but this backbone has no two blocks of its own (ALBERT, say, runs one block many times). "
            "Leave deep out."
        )
    batch = rows.batch(np.arange(min(len(rows), 32)))
    where = batch.ids >= body.first_slot
    with listening(where) as heard:
        body(embed(body, prompts, batch.ids), batch.mask)
    layered = [states.reshape(len(batch.ids), len(prompts), -1).mean(dim=0) for states in heard]
    return torch.cat(layered)
