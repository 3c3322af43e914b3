"""Token mixers: one file each, one table of names.

A mixer is a module built from an `EncoderConfig`; `interface.py` says what it must do. The same weights serve any
length: those with weights over tokens use the part of them that a row needs, the others have none.
"""

from __future__ import annotations

from minent.encoders.mixers.amlp import AttentiveMLP
from minent.encoders.mixers.attention import Attention
from minent.encoders.mixers.dilated_conv import DilatedConv
from minent.encoders.mixers.dynamic_conv import DynamicConv
from minent.encoders.mixers.external_attention import ExternalAttention
from minent.encoders.mixers.feed_forward import FeedForward
from minent.encoders.mixers.fnet import FNet
from minent.encoders.mixers.gmlp import GatedMLP
from minent.encoders.mixers.hypermixer import HyperMixer
from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.light_conv import LightConv
from minent.encoders.mixers.mlp_mixer import MLPMixer
from minent.encoders.mixers.repmlp import RepMLP
from minent.encoders.mixers.resmlp import ResMLP
from minent.encoders.mixers.synthesizer import Synthesizer

MIXERS: dict[str, type[Mixer]] = {
    "attention": Attention,
    "mlp_mixer": MLPMixer,
    "feed_forward": FeedForward,
    "resmlp": ResMLP,
    "gmlp": GatedMLP,
    "amlp": AttentiveMLP,
    "fnet": FNet,
    "external_attention": ExternalAttention,
    "repmlp": RepMLP,
    "light_conv": LightConv,
    "dynamic_conv": DynamicConv,
    "dilated_conv": DilatedConv,
    "synthesizer": Synthesizer,
    "hypermixer": HyperMixer,
}
