"""The encoder: an embedding, a stack of pre-norm residual blocks with a pluggable token mixer, a tied output."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from minent.encoders.mixers import MIXERS
from minent.encoders.mixers.attention import SelfAttention, attention_macs
from minent.encoders.mixers.interface import Mixer
from minent.encoders.segments import Segments
from minent.errors import InputError, did_you_mean, listing, number, whole

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
        max_length: The longest row of tokens that training makes, and that a mixer with weights over tokens takes.
        expansion: Inner width of the channel mixing, in units of `dim`.
        heads: Heads of attention, or groups of channels with their own weights over tokens.
        tiny_attention: Width of a single attention head beside the mixer, or in the gate of `gmlp`; 0 for none.
        prompt_slots: Embedding rows that stand ready for prompts.
        dropout: Share of a block's update that is dropped in training.
        variant: The form of a mixer that has several, a name in its `variants`; empty for the first of them.
        causal: No token sees a later one: the encoder is pretrained to say the next token.
        kernel_size: Tokens that a kernel of the convolutional mixers covers, an odd number.

    Raises:
        InputError: An unknown mixer, or a number that cannot be met.

    Example:
        >>> EncoderConfig(mixer="gmpl", vocab_size=4000)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: mixer is 'gmpl'; it takes one of 'attention', ... 'hypermixer'. Did you mean 'gmlp'?
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
    variant: str = ""
    causal: bool = False
    kernel_size: int = 15

    def __post_init__(self) -> None:
        if self.mixer not in MIXERS:
            hint = did_you_mean(self.mixer, MIXERS)
            raise InputError(f"mixer is {self.mixer!r}; it takes one of {listing(MIXERS, limit=99)}.{hint}")
        self._check_form(MIXERS[self.mixer])
        least = {"vocab_size": 4, "dim": 2, "layers": 1, "max_length": 2, "expansion": 1, "heads": 1, "kernel_size": 1}
        for name, bound in (least | {"tiny_attention": 0, "prompt_slots": 0}).items():
            whole(name, getattr(self, name), bound)
        if self.dim % (2 * self.heads):
            raise InputError(
                f"dim is {self.dim} and heads is {self.heads}; each head takes an even number of channels, so choose "
                f"a dim that 2 * heads = {2 * self.heads} divides."
            )
        if self.tiny_attention % 2:
            raise InputError(f"tiny_attention is {self.tiny_attention}; it takes an even number of channels.")
        if self.kernel_size % 2 == 0:
            raise InputError(
                f"kernel_size is {self.kernel_size}; it takes an odd number, so that a kernel has a middle."
            )
        if number("dropout", self.dropout, 0) >= 1:
            raise InputError(f"dropout is {self.dropout}; it takes a share from 0 to below 1.")

    def _check_form(self, mixer: type[Mixer]) -> None:
        variants = mixer.variants
        if self.variant and self.variant not in variants:
            known = (
                f"it takes one of {listing(variants)}" if variants else "this mixer has no variants, so leave it out"
            )
            hint = did_you_mean(self.variant, variants)
            raise InputError(f"variant is {self.variant!r} with mixer {self.mixer!r}; {known}.{hint}")
        if self.causal and (reason := mixer.why_not_causal(self.variant)):
            able = [name for name, other in MIXERS.items() if not other.why_not_causal()]
            raise InputError(
                f"mixer {self.mixer!r} has no causal form: {reason}. Choose one that has: {listing(able, limit=99)}."
            )

    def macs_per_token(self) -> int:
        """Multiply-adds of one forward pass through the blocks, per token, at full length.

        Example:
            >>> EncoderConfig(vocab_size=8000).macs_per_token()
            524288
        """
        mixer, tiny = MIXERS[self.mixer], 0
        channels = 0 if mixer.mixes_channels else 2 * self.expansion * self.dim**2
        if not mixer.gates_attention:
            tiny = attention_macs(self.dim, self.dim, self.tiny_attention, self.max_length)
        return self.layers * (mixer.macs_per_token(self) + channels + tiny)


class Block(nn.Module):
    """`x + mix(norm(x))`, then `x + mlp(norm(x))` unless the mixer already mixes channels.

    Some mixers have the MLP before them; the norms, too, are theirs to choose. A tiny attention head, where one is
    wanted, adds to what the mixer finds.

    Args:
        config: The encoder's config.
        layer: Which block of the encoder this is, from 0.
    """

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        kind = MIXERS[config.mixer]
        self.norm = kind.token_norm(config)
        self.mixer: Mixer = kind(config, layer)
        self.channels = None if kind.mixes_channels else kind.channel_mlp(config)
        self.attention: SelfAttention | None = None
        if config.tiny_attention and not kind.gates_attention:
            self.attention = SelfAttention(config.dim, config.dim, 1, config.tiny_attention, config.causal)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Update `hidden (batch, length, dim)`."""
        if not self.mixer.channels_first:
            return self._mix_channels(self._mix_tokens(hidden, mask, segments))
        return self._mix_tokens(self._mix_channels(hidden), mask, segments)

    def _mix_tokens(self, hidden: Tensor, mask: Tensor, segments: Tensor | None) -> Tensor:
        inputs = self.norm(hidden)
        update = self.mixer(inputs, mask) if segments is None else self.mixer(inputs, mask, segments)
        if self.attention is not None:
            update = update + self.attention(inputs, mask, segments)
        return hidden + self.dropout(update)

    def _mix_channels(self, hidden: Tensor) -> Tensor:
        return hidden if self.channels is None else hidden + self.dropout(self.channels(hidden))


class Encoder(nn.Module):
    """Token ids, or embeddings of them, to one vector per token in its context.

    The embedding has `vocab_size` rows for the tokenizer's ids, one for the mask token (`mask_id`) and `prompt_slots`
    more (`slot_ids`). Padding never changes a result, wherever it stands.

    Args:
        config: The shape.

    Attributes:
        recompute: In training, compute each block again for its gradient, in place of keeping what it computed: less
            memory for a third more time.

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
        self.config, self.recompute = config, False
        self.embedding = nn.Embedding(config.vocab_size + 1 + config.prompt_slots, config.dim)
        self.enter = nn.LayerNorm(config.dim)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
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

    def forward(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Encode a batch.

        Args:
            inputs: Ids, int64 `(batch, length)`, or embeddings, float `(batch, length, dim)`.
            mask: bool `(batch, length)`, True at a real token.
            segments: Number of the document of each token, int64 `(batch, length)`, where rows hold several: each is
                then encoded as if it stood alone. None for one document in a row.

        Returns:
            `hidden`, float `(batch, length, dim)`. What stands at padding means nothing.

        Raises:
            InputError: Rows beyond the reach of the mixer, or a mask of another shape.
        """
        return self.leave(self.states(inputs, mask, segments)[-1])

    def states(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> list[Tensor]:
        """Return the residual stream before the first block and after each one, for what `forward` takes."""
        self._check(inputs, mask, segments)
        embeddings = inputs if inputs.is_floating_point() else self.embedding(inputs)
        if not mask.numel():
            return [embeddings] * (len(self.blocks) + 1)  # no token, nothing to mix
        if segments is not None and not self._mixer.keeps_apart:
            own = Segments.of(mask, segments)
            return [own.back(state) for state in self.states(own.rows(embeddings), own.mask)]
        order = None
        if self._mixer.counts_places and bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            order = mask.int().argsort(dim=1, descending=True, stable=True)  # each row from its first real token on
            embeddings, mask = _reordered(embeddings, order), mask.gather(1, order)
        states = [self.enter(embeddings)]
        for block in self.blocks:
            if self.recompute and self.training:
                states.append(checkpoint(block, states[-1], mask, segments, use_reentrant=False))
            else:
                states.append(block(states[-1], mask, segments))
        return states if order is None else [_reordered(state, order.argsort(dim=1)) for state in states]

    def folded(self) -> Encoder:
        """Return an equal encoder in the cheapest form for use, no longer for training (`repmlp` alone differs)."""
        folded = copy.deepcopy(self).eval()
        for block in folded.blocks:
            assert isinstance(block, Block)
            block.mixer = block.mixer.folded()
        return folded

    @property
    def _mixer(self) -> Mixer:
        block = self.blocks[0]
        assert isinstance(block, Block)
        return block.mixer

    def _check(self, inputs: Tensor, mask: Tensor, segments: Tensor | None) -> None:
        length, reach = inputs.shape[1], self.config.max_length
        for name, given in (("a mask", mask), ("segments", segments)):
            if given is not None and given.shape != inputs.shape[:2]:
                raise InputError(
                    f"a batch of shape {tuple(inputs.shape)} with {name} of {tuple(given.shape)}; {name.split()[-1]} "
                    f"takes one value for each token."
                )
        if self._mixer.bounded and length > reach:
            raise InputError(
                f"a batch of shape {tuple(inputs.shape)} has rows of {length} tokens, but mixer {self.config.mixer!r} "
                f"has weights for rows of up to {reach} tokens (max_length). Cut the rows, or pretrain with a larger "
                f"max_length."
            )

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of every id of the vocabulary, `(..., vocab_size)`, through the tied embedding."""
        return F.linear(hidden, self.embedding.weight[: self.config.vocab_size], self.output_bias)


def _reordered(hidden: Tensor, order: Tensor) -> Tensor:
    return hidden.gather(1, order[:, :, None].expand_as(hidden))
