"""A pretrained encoder: the module, how it came to be, text features, save and load."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from minent import artifacts
from minent.encoders.batches import check_rows
from minent.encoders.plan import PretrainConfig
from minent.encoders.pooling import Pooling
from minent.encoders.quantise import WEIGHTS, packed, unpacked
from minent.encoders.skeleton import Encoder, EncoderConfig
from minent.errors import InputError, listing

KIND, FORMAT = "encoder", 2
TOKENIZER = "tokenizer"  # the folder inside that holds the tokenizer, where it was saved too


class Saves(Protocol):
    """A tokenizer, as far as it is known here."""

    def save(self, folder: str | Path) -> None:
        """Write it as a folder."""


@dataclass(frozen=True)
class PretrainedEncoder:
    """What `pretrain` returns.

    Attributes:
        encoder: The torch module, in evaluation mode.
        pooling: How `embed` makes one vector of many.
        pretrain_config: How it was trained.
        facts: Held-out loss, its baseline, the loss curve, sizes: plain, deterministic data.
        measured: Seconds and tokens per second.
        inputs: Digests of what it was trained on.
        weights: How `save` writes the large matrices: `"float32"`, `"float16"` or `"int8"`; see `quantised`.
    """

    encoder: Encoder
    pooling: Pooling
    pretrain_config: PretrainConfig
    facts: dict[str, Any]
    measured: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    weights: str = "float32"

    @property
    def config(self) -> EncoderConfig:
        """The shape of the encoder."""
        return self.encoder.config

    @property
    def digest(self) -> str:
        """SHA-256 of the weights: the name by which prompts know their backbone."""
        weights = weights_of(self.encoder)
        return artifacts.digest_arrays(*(weights[name] for name in sorted(weights)))

    def embed(self, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return one feature vector per text: a mean over its tokens, see `minent.encoders.pooling`.

        Frequent tokens weigh less, and the common direction of the training texts is taken out. A text longer than
        `max_length` is read in windows.

        Args:
            ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
            starts: Where each text starts, then `len(ids)`.

        Returns:
            float32 `(len(starts) - 1, dim)`; zeros for an empty text.

        Raises:
            InputError: See `minent.encoders.batches.check_rows`.
        """
        return self.pooling.embed(self.encoder, *check_rows(ids, starts, self.config.vocab_size))

    def quantised(self, weights: str) -> PretrainedEncoder:
        """Return the encoder with its large matrices rounded to what a smaller type holds.

        Args:
            weights: `"float32"`, `"float16"`, or `"int8"`: whole numbers to 127 with a scale for each row.

        Returns:
            A new one, which computes in float32 as before and saves in that type without further loss.

        Raises:
            InputError: An unknown type.
        """
        if weights not in WEIGHTS:
            raise InputError(f"weights is {weights!r}; it takes one of {listing(WEIGHTS)}.")
        encoder = copy.deepcopy(self.encoder)
        load_weights(encoder, unpacked(packed(weights_of(encoder), weights)))
        return replace(self, encoder=encoder, weights=weights)

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        tokenizer: Saves | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write the encoder as a folder of kind `"encoder"`.

        Args:
            folder: The target.
            overwrite: Replace an artifact that is there.
            tokenizer: What makes its ids; it is saved inside, and the folder is then a backbone by itself.
            files: Other files of the folder, such as a model card: contents by name.

        Raises:
            ArtifactError: See `minent.artifacts.writing`.
        """
        config = {"encoder": self.config, "pretrain": self.pretrain_config, "weights": self.weights}
        seeds = {"pretrain": self.pretrain_config.seed}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=config, seeds=seeds, overwrite=overwrite
        ) as draft:
            artifacts.save_arrays(draft.path / "weights.safetensors", packed(weights_of(self.encoder), self.weights))
            artifacts.save_arrays(draft.path / "pooling.safetensors", vars(self.pooling))
            if tokenizer is not None:
                tokenizer.save(draft.path / TOKENIZER)
            for name, content in (files or {}).items():
                (draft.path / name).write_bytes(content)
            draft.facts.update(self.facts)
            draft.measured.update(self.measured)
            draft.inputs.update(self.inputs)

    @classmethod
    def load(cls, folder: str | Path) -> PretrainedEncoder:
        """Read what `save` wrote.

        Args:
            folder: The folder.

        Raises:
            ArtifactError: No such folder, another kind, a newer format, or a changed file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        with artifacts.understood(folder):
            shape = EncoderConfig(**manifest.config["encoder"])
            arrays = unpacked(artifacts.load_arrays(manifest.file(folder, "weights.safetensors")))
            _check_fit(shape, arrays)
            encoder = Encoder(shape)
            load_weights(encoder, arrays)
            pooled = artifacts.load_arrays(manifest.file(folder, "pooling.safetensors"))
            axes = {"weights": "f ids", "centre": "f dim", "common": "f dim"}
            artifacts.check_shapes(pooled, axes, ids=shape.vocab_size, dim=shape.dim)
            pooling = Pooling(**pooled)
            config = PretrainConfig(**manifest.config["pretrain"])
            weights = manifest.config.get("weights", "float32")  # format 1 knew no other
        return cls(encoder.eval(), pooling, config, manifest.facts, manifest.measured, manifest.inputs, weights)


def _check_fit(shape: EncoderConfig, arrays: dict[str, np.ndarray]) -> None:
    """Refuse a config whose encoder has other weights than were saved, before it takes the memory for them."""
    if shape.layers > len(arrays):
        raise ValueError(f"{shape.layers} layers, but {len(arrays)} arrays")
    with torch.device("meta"):  # shapes alone
        wanted = {name: tuple(weight.shape) for name, weight in Encoder(shape).state_dict().items()}
    saved = {name: array.shape for name, array in arrays.items()}
    if wanted != saved:
        name = min(name for name in wanted.keys() | saved.keys() if wanted.get(name) != saved.get(name))
        raise ValueError(f"{name} has the shape {saved.get(name)}, but this config wants {wanted.get(name)}")


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Copy the weights of a module into named arrays.

    Example:
        >>> {name: array.shape for name, array in weights_of(nn.Linear(2, 3)).items()}
        {'weight': (3, 2), 'bias': (3,)}
    """
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}


def load_weights(module: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Fill a module with what `weights_of` took from one like it."""
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
