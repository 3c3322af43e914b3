"""The encoder: an embedding, a stack of pre-norm residual blocks with a pluggable token mixer, a tied output."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers import MIXERS
from minent.errors import InputError, did_you_mean, listing

PAD_ID, EOS_ID = 0, 2
EMBEDDING_STD = 0.02


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The shape of an encoder.

    Args:
        mixer: The token mixer, a name in `MIXERS`.
        vocab_size: Ids that the tokenizer makes, the three special ones included.
        dim: Channels of the residual stream; a multiple of `heads`.
        layers: Number of blocks.
        max_length: The longest row of tokens.
        expansion: Inner width of the channel mixing, in units of `dim`.
        heads: Heads of attention, or groups of channels with their own Toeplitz weights.
        tiny_attention: Width of a single attention head in each gate of `gmlp` (aMLP); 0 for none.
        prompt_slots: Embedding rows that stand ready for prompts.
        dropout: Share of a block's update that is dropped in training.

    Raises:
        InputError: An unknown mixer, or a number that cannot be met.

    Example:
        >>> EncoderConfig(mixer="gmpl", vocab_size=4000)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: mixer is 'gmpl'; it takes one of 'attention', 'gmlp'. Did you mean 'gmlp'?
    """

    mixer: str = "gmlp"
    vocab_size: int
    dim: int = 128
    layers: int = 4
    max_length: int = 128
    expansion: int = 4
    heads: int = 4
    tiny_attention: int = 0
    prompt_slots: int = 16
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.mixer not in MIXERS:
            hint = did_you_mean(self.mixer, MIXERS)
            raise InputError(f"mixer is {self.mixer!r}; it takes one of {listing(MIXERS)}.{hint}")
        least = {"vocab_size": 4, "dim": 2, "layers": 1, "max_length": 2, "expansion": 1, "heads": 1}
        for name, bound in (least | {"tiny_attention": 0, "prompt_slots": 0}).items():
            if getattr(self, name) < bound:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a whole number of {bound} or more.")
        if self.dim % (2 * self.heads):
            raise InputError(
                f"dim is {self.dim} and heads is {self.heads}; each head takes an even number of channels, so choose "
                f"a dim that 2 * heads = {2 * self.heads} divides."
            )
        if self.tiny_attention % 2 or (self.tiny_attention and self.mixer != "gmlp"):
            raise InputError(
                f"tiny_attention is {self.tiny_attention} with mixer {self.mixer!r}; it takes an even width, "
                f"and only 'gmlp' has a gate to add it to."
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; it takes a share from 0 to below 1.")

    def macs_per_token(self) -> int:
        """Multiply-adds of one forward pass through the blocks, per token, at full length.

        Example:
            >>> EncoderConfig(vocab_size=8000).macs_per_token()
            524288
        """
        mixer = MIXERS[self.mixer]
        channels = 0 if mixer.mixes_channels else 2 * self.expansion * self.dim**2
        return self.layers * (mixer.macs_per_token(self) + channels)


class Block(nn.Module):
    """`x + mix(norm(x))`, then `x + mlp(norm(x))` unless the mixer already mixes channels.

    Args:
        config: The encoder's config.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        mixer = MIXERS[config.mixer]
        self.norm = nn.LayerNorm(config.dim)
        self.mixer = mixer(config)
        self.channels: nn.Sequential | None = None
        if not mixer.mixes_channels:
            inner = config.expansion * config.dim
            self.channels = nn.Sequential(
                nn.LayerNorm(config.dim), nn.Linear(config.dim, inner), nn.GELU(), nn.Linear(inner, config.dim)
            )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Update `hidden (batch, length, dim)`."""
        hidden = hidden + self.dropout(self.mixer(self.norm(hidden), mask))
        if self.channels is not None:
            hidden = hidden + self.dropout(self.channels(hidden))
        return hidden


class Encoder(nn.Module):
    """Token ids, or embeddings of them, to one vector per token in its context.

    The embedding has `vocab_size` rows for the tokenizer's ids, one for the mask token (`mask_id`) and `prompt_slots`
    more (`slot_ids`). Padding never changes a result, wherever it stands.

    Args:
        config: The shape.

    Example:
        >>> encoder = Encoder(EncoderConfig(vocab_size=20, dim=16, layers=1, prompt_slots=2))
        >>> encoder.mask_id, encoder.slot_ids.tolist()
        (20, [21, 22])
        >>> ids = torch.tensor([[3, 4, 0]])
        >>> hidden = encoder(ids, ids != 0)
        >>> hidden.shape, encoder.logits(hidden).shape
        (torch.Size([1, 3, 16]), torch.Size([1, 3, 20]))
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size + 1 + config.prompt_slots, config.dim)
        self.enter = nn.LayerNorm(config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.leave = nn.LayerNorm(config.dim)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)

    @property
    def mask_id(self) -> int:
        """The id of the mask token."""
        return self.config.vocab_size

    @property
    def slot_ids(self) -> Tensor:
        """The ids of the prompt slots, int64 `(prompt_slots,)`."""
        return torch.arange(self.config.prompt_slots) + self.config.vocab_size + 1

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            inputs: Ids, int64 `(batch, length)`, or embeddings, float `(batch, length, dim)`.
            mask: bool `(batch, length)`, True at a real token.

        Returns:
            `hidden`, float `(batch, length, dim)`. What stands at padding means nothing.

        Raises:
            InputError: Rows longer than `max_length`, or a mask of another shape.
        """
        return self.leave(self.states(inputs, mask)[-1])

    def states(self, inputs: Tensor, mask: Tensor) -> list[Tensor]:
        """Return the residual stream before the first block and after each one, for what `forward` takes."""
        if inputs.shape[1] > self.config.max_length or mask.shape != inputs.shape[:2]:
            raise InputError(
                f"a batch of shape {tuple(inputs.shape)} with a mask of {tuple(mask.shape)}; rows hold up to "
                f"{self.config.max_length} tokens (max_length), and the mask one value for each. Cut the rows first."
            )
        embeddings = inputs if inputs.is_floating_point() else self.embedding(inputs)
        states = [self.enter(embeddings)]
        for block in self.blocks:
            states.append(block(states[-1], mask))
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of every id of the vocabulary, `(..., vocab_size)`, through the tied embedding."""
        return F.linear(hidden, self.embedding.weight[: self.config.vocab_size], self.output_bias)
