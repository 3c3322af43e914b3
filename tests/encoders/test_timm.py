"""Weights trained in timm give the same output here: MLP-Mixer, ResMLP and gMLP, stem, blocks and last norm."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from minent.encoders import Encoder, EncoderConfig, Patches

IMAGE, PATCH, DIM, LAYERS = 24, 4, 16, 3
PLACES = (IMAGE // PATCH) ** 2


class Stand(ModuleType):
    """A module that holds whatever is asked of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return mock.MagicMock()


@pytest.fixture(scope="module", name="timm")
def _timm() -> Iterator[ModuleType]:
    """timm's `mlp_mixer` file alone: its other models need torchvision, which is neither light nor needed here."""
    found = importlib.util.find_spec("timm")
    if found is None or found.origin is None:
        pytest.skip("timm is not installed (pip install 'minent[peers]')")
    folder = Path(found.origin).parent
    names = {"timm": ModuleType("timm"), "timm.models": ModuleType("timm.models"), "timm.data": Stand("timm.data")}
    names["timm"].__version__ = importlib.metadata.version("timm")
    names["timm"].__path__, names["timm.models"].__path__ = [str(folder)], [str(folder / "models")]
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc", "torchvision.models.feature_extraction"):
        if importlib.util.find_spec("torchvision") is None:
            names[name] = Stand(name)
    sys.modules.update(names)
    yield importlib.import_module("timm.models.mlp_mixer")
    for name in [name for name in sys.modules if name in names or name.startswith("timm.")]:
        del sys.modules[name]


def _stirred(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    return module.double().eval()


def _blocks(theirs: nn.Module, names: dict[str, str]) -> dict[str, Tensor]:
    """Their weights under our names, each block's and the last norm's."""
    ours = {}
    for key, value in theirs.state_dict().items():
        for old, new in names.items():
            if key.startswith("blocks.") and key.split(".", 2)[2].startswith(old):
                number, rest = key.split(".", 2)[1:]
                ours[f"blocks.{number}.{new}{rest.removeprefix(old)}"] = value.squeeze()
        if key.startswith("norm."):
            ours[key.replace("norm.", "leave.")] = value
    return ours


MIXER = {
    "norm1": "norm",
    "mlp_tokens.fc1": "mixer.enter",
    "mlp_tokens.fc2": "mixer.leave",
    "norm2": "channels.0",
    "mlp_channels.fc1": "channels.1",
    "mlp_channels.fc2": "channels.3",
}
RESMLP = {
    "norm1.alpha": "norm.weight",
    "norm1.beta": "norm.bias",
    "linear_tokens": "mixer.mix",
    "ls1": "mixer.scale.weight",
    "norm2.alpha": "channels.0.weight",
    "norm2.beta": "channels.0.bias",
    "mlp_channels.fc1": "channels.1",
    "mlp_channels.fc2": "channels.3",
    "ls2": "channels.4.weight",
}
GMLP = {
    "norm.": "norm.",
    "mlp_channels.fc1": "mixer.enter",
    "mlp_channels.gate.norm": "mixer.norm",
    "mlp_channels.gate.proj": "mixer.mix",
    "mlp_channels.fc2": "mixer.leave",
}


@pytest.mark.parametrize(
    ("mixer", "variant", "block", "names"),
    [
        ("mlp_mixer", "", "MixerBlock", MIXER),
        ("resmlp", "matrix", "ResBlock", RESMLP),
        ("gmlp", "matrix", "SpatialGatingBlock", GMLP),
    ],
)
def test_weights_of_timm_give_the_same_output(
    timm: ModuleType, mixer: str, variant: str, block: str, names: dict
) -> None:
    options: dict = {"block_layer": getattr(timm, block), "mlp_ratio": (0.5, 4.0) if mixer == "mlp_mixer" else 4.0}
    options["norm_layer"] = timm.Affine if mixer == "resmlp" else partial(nn.LayerNorm, eps=1e-5)  # timm adds 1e-6
    if mixer == "gmlp":
        options["mlp_layer"] = timm.GatedMlp
    theirs = _stirred(
        timm.MlpMixer(img_size=IMAGE, patch_size=PATCH, num_blocks=LAYERS, embed_dim=DIM, num_classes=0, **options)
    )
    images = torch.randn(2, 3, IMAGE, IMAGE, dtype=torch.float64)
    shape = EncoderConfig(
        mixer=mixer, variant=variant, vocab_size=4, dim=DIM, layers=LAYERS, max_length=PLACES, heads=1
    )
    encoder, stem = Encoder(shape).double().eval(), Patches(IMAGE, PATCH, 3, DIM).double()
    stem.load_state_dict({f"project.{name}": theirs.state_dict()[f"stem.proj.{name}"] for name in ("weight", "bias")})
    ported = _blocks(theirs, names)
    own = {f"blocks.{name}" for name, _ in encoder.blocks.named_parameters()}
    assert {name for name in ported if name.startswith("blocks.")} == own  # nothing is left as it was drawn
    known = {name: value for name, value in ported.items() if name in encoder.state_dict()}
    encoder.load_state_dict(encoder.state_dict() | known)
    with torch.inference_mode():
        hidden, mask = stem(images)
        for ours in encoder.blocks:
            hidden = ours(hidden, mask)
        wanted = theirs.stem(images)
        for their in theirs.blocks:
            wanted = their(wanted)
        torch.testing.assert_close(hidden, wanted, atol=1e-9, rtol=1e-9)
        if mixer != "resmlp":  # its last norm is an affine map, ours is a LayerNorm
            torch.testing.assert_close(encoder.leave(hidden), theirs.forward_features(images), atol=1e-9, rtol=1e-9)
