"""A pretrained encoder: the module, how it came to be, text features, save and load."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from minent import artifacts
from minent.encoders.batches import check_rows
from minent.encoders.plan import PretrainConfig
from minent.encoders.pooling import Pooling
from minent.encoders.skeleton import Encoder, EncoderConfig

KIND, FORMAT = "encoder", 1


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
    """

    encoder: Encoder
    pooling: Pooling
    pretrain_config: PretrainConfig
    facts: dict[str, Any]
    measured: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

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

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the encoder as a folder of kind `"encoder"`.

        Args:
            folder: The target.
            overwrite: Replace an artifact that is there.

        Raises:
            ArtifactError: See `minent.artifacts.writing`.
        """
        config = {"encoder": self.config, "pretrain": self.pretrain_config}
        seeds = {"pretrain": self.pretrain_config.seed}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=config, seeds=seeds, overwrite=overwrite
        ) as draft:
            artifacts.save_arrays(draft.path / "weights.safetensors", weights_of(self.encoder))
            artifacts.save_arrays(draft.path / "pooling.safetensors", vars(self.pooling))
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
        encoder = Encoder(EncoderConfig(**manifest.config["encoder"]))
        load_weights(encoder, artifacts.load_arrays(Path(folder) / "weights.safetensors"))
        pooling = Pooling(**artifacts.load_arrays(Path(folder) / "pooling.safetensors"))
        config = PretrainConfig(**manifest.config["pretrain"])
        return cls(encoder.eval(), pooling, config, manifest.facts, manifest.measured, manifest.inputs)


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
