"""Every form that an encoder can take: each mixer, each of its variants, causal where it can be."""

from __future__ import annotations

import torch

from minent.encoders import MIXERS, Encoder, EncoderConfig
from minent.encoders.mixers.places import PlaceLinear
from minent.encoders.mixers.repmlp import TokenBatchNorm
from minent.encoders.mixers.resmlp import Scale
from minent.encoders.mixers.toeplitz import Toeplitz

SMALL = {"vocab_size": 50, "dim": 16, "layers": 2, "max_length": 96, "heads": 2}


def every_form() -> dict[str, dict]:
    forms = {}
    for name, mixer in MIXERS.items():
        for variant in mixer.variants or ("",):
            label = f"{name} {variant}".strip()
            forms[label] = {"mixer": name, "variant": variant}
            if not mixer.why_not_causal(variant):
                forms[f"{label} causal"] = forms[label] | {"causal": True}
    return forms


FORMS = every_form()
WITH_ATTENTION = {f"{name} tiny": {"mixer": name, "tiny_attention": 8} for name in MIXERS}


def stir(module: torch.nn.Module) -> None:
    """Make every weight over tokens strong enough to show a leak, and no running statistic trivial."""
    for part in module.modules():
        if isinstance(part, (Toeplitz, PlaceLinear)):
            torch.nn.init.normal_(part.weight, std=0.3)
        if isinstance(part, Scale):
            torch.nn.init.normal_(part.weight)
        if isinstance(part, TokenBatchNorm):
            torch.nn.init.normal_(part.running_mean)
            torch.nn.init.uniform_(part.running_variance, 0.5, 2.0)
            torch.nn.init.normal_(part.weight)
            torch.nn.init.normal_(part.bias)


def make(form: dict, **changes: object) -> Encoder:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(**(SMALL | form | changes))).eval()
    stir(encoder)
    torch.nn.init.normal_(encoder.embedding.weight)
    return encoder
