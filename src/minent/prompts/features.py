"""Texts as vectors of a backbone that stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from minent.encoders.session import torch_session
from minent.prompts.backbone import AnyBackbone
from minent.prompts.heads import Head
from minent.prompts.model import PromptModel, over_rows
from minent.prompts.reparametrize import Table
from minent.prompts.rows import Assembler, Batch
from minent.prompts.template import parse


def text_features(backbone: AnyBackbone, texts: Sequence[str], max_length: int | None = None) -> np.ndarray:
    """Return the mean of each text's hidden states, specials included: what a linear probe reads.

    Args:
        backbone: The backbone.
        texts: The texts; a long one loses its end.
        max_length: The longest row in tokens, where less than the backbone takes will do.

    Returns:
        float32 `(len(texts), hidden_dim)`. The same on any number of threads.

    Raises:
        InputError: `max_length` leaves no room for a text.

    Example:
        >>> from types import SimpleNamespace
        >>> from minent.encoders import EncoderConfig, PretrainConfig, pretrain
        >>> from minent.prompts import Backbone
        >>> letters = SimpleNamespace(vocab_size=128, encode=lambda text: [ord(letter) for letter in text])
        >>> ids = np.tile(np.array(letters.encode("black and white, "), dtype=np.int32), 40)
        >>> shape = EncoderConfig(vocab_size=128, dim=16, layers=1, max_length=64)
        >>> encoder = pretrain(ids, np.array([0, len(ids)]), shape, PretrainConfig(steps=2, batch_size=2))
        >>> text_features(Backbone(encoder, letters), ["black", "white"]).shape
        (2, 16)
    """
    body, template = backbone.body, parse("{text}")
    model = PromptModel(body, Table(torch.zeros(0, body.dim)), Head(), pooled=True)
    if not len(texts):
        return np.zeros((0, body.hidden_dim), dtype=np.float32)
    rows = Assembler.of(template, backbone, max_length=max_length).rows(texts, backbone, template)

    def read(batch: Batch) -> torch.Tensor:
        return model.read(model.hidden(batch), batch)[:, 0]

    with torch_session() as parallel:
        return over_rows(read, rows, parallel).numpy()
