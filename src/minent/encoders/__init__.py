"""Small encoders pretrained by masked language modelling in minutes of an ordinary CPU.

For whoever has raw text and no pretrained model for it: ids in, one vector per token or per text out. The token mixer
is pluggable (`MIXERS`); the default needs no attention. Padding never changes a result. Images enter as `Patches`.

    >>> import numpy as np
    >>> from minent.encoders import EncoderConfig, PretrainConfig, pretrain
    >>> ids = np.random.default_rng(0).integers(3, 50, size=2000).astype(np.int32)  # a tokenizer's work
    >>> starts = np.arange(0, 2001, 20)
    >>> shape = EncoderConfig(mixer="gmlp", vocab_size=50, dim=16, layers=2, max_length=64)
    >>> pretrained = pretrain(ids, starts, shape, PretrainConfig(steps=3, batch_size=4))
    >>> pretrained.embed(ids, starts).shape
    (100, 16)
"""

from minent.encoders.finding import find_pretrained
from minent.encoders.mixers import MIXERS
from minent.encoders.patches import Patches
from minent.encoders.plan import PretrainConfig
from minent.encoders.pretrain import pretrain
from minent.encoders.pretrained import PretrainedEncoder
from minent.encoders.skeleton import Encoder, EncoderConfig

__all__ = [
    "MIXERS",
    "Encoder",
    "EncoderConfig",
    "Patches",
    "PretrainConfig",
    "PretrainedEncoder",
    "find_pretrained",
    "pretrain",
]
