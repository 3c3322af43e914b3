"""An encoder as a model of Hugging Face transformers: saved, loaded and fine-tuned with their tools, peft among them.

Needs the extra `hf`. Importing this module makes `transformers.AutoModel` and `AutoModelForMaskedLM` know it.

    from minent.encoders.huggingface import to_transformers
    to_transformers(pretrained).save_pretrained("folder")
    transformers.AutoModel.from_pretrained("folder")
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.skeleton import PAD_ID, Encoder, EncoderConfig
from minent.errors import InputError, MissingExtraError

try:
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput
except ImportError as error:
    raise MissingExtraError("transformers is not installed; pip install 'minent[hf]' brings it.") from error

if TYPE_CHECKING:
    from minent.encoders.pretrained import PretrainedEncoder

IGNORED = -100  # a label that counts for nothing, as everywhere in transformers


class MinentConfig(PretrainedConfig):
    """The shape of an encoder as transformers keeps it.

    Args:
        encoder: The fields of an `EncoderConfig`; None for the smallest vocabulary and every default.
        kwargs: What transformers itself keeps in a config.
    """

    model_type = "minent"

    def __init__(self, encoder: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.encoder = encoder or {"vocab_size": 4}
        shape = EncoderConfig(**self.encoder)
        kwargs.update(vocab_size=shape.vocab_size, hidden_size=shape.dim, num_hidden_layers=shape.layers)
        kwargs.setdefault("pad_token_id", PAD_ID)
        super().__init__(**kwargs)


class MinentModel(PreTrainedModel):
    """One vector per token. `attention_mask` is 1 at a real token; without it every id but the padding is one.

    Args:
        config: The shape.
    """

    config_class = MinentConfig
    base_model_prefix = "model"

    def __init__(self, config: MinentConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(EncoderConfig(**config.encoder))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """The encoder draws its own weights."""

    def get_input_embeddings(self) -> nn.Module:
        """The table of token embeddings."""
        return self.encoder.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of token embeddings."""
        self.encoder.embedding = value  # type: ignore[assignment] # transformers says any module; it passes a table

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        return_dict: bool = True,
        **ignored: Any,
    ) -> BaseModelOutput | tuple:
        """Encode a batch of ids `(batch, length)` or of embeddings `(batch, length, dim)`."""
        if (input_ids is None) == (inputs_embeds is None):
            raise InputError("give either input_ids or inputs_embeds, and not both.")
        given = inputs_embeds if input_ids is None else input_ids
        assert given is not None
        if attention_mask is None:
            attention_mask = torch.ones(given.shape[:2], device=given.device) if input_ids is None else given != PAD_ID
        states = self.encoder.states(given, attention_mask.bool())
        last = self.encoder.leave(states[-1])
        found = BaseModelOutput(last_hidden_state=last, hidden_states=tuple(states) if output_hidden_states else None)
        return found if return_dict else found.to_tuple()


class MinentForMaskedLM(PreTrainedModel):
    """Scores of every id for every token; the output is tied to the embedding.

    Args:
        config: The shape.
    """

    config_class = MinentConfig
    base_model_prefix = "model"

    def __init__(self, config: MinentConfig) -> None:
        super().__init__(config)
        self.model = MinentModel(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """The encoder draws its own weights."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        return_dict: bool = True,
        **ignored: Any,
    ) -> MaskedLMOutput | tuple:
        """Score a batch; `labels (batch, length)` are the ids to be said, -100 where nothing is asked."""
        found = self.model(input_ids, attention_mask, inputs_embeds, output_hidden_states)
        logits, loss = self.model.encoder.logits(found.last_hidden_state), None
        if labels is not None:
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        scored = MaskedLMOutput(loss=loss, logits=logits, hidden_states=found.hidden_states)
        return scored if return_dict else scored.to_tuple()


AutoConfig.register(MinentConfig.model_type, MinentConfig)
AutoModel.register(MinentConfig, MinentModel)
AutoModelForMaskedLM.register(MinentConfig, MinentForMaskedLM)


def to_transformers(pretrained: PretrainedEncoder) -> MinentForMaskedLM:
    """Return a copy of a pretrained encoder as a transformers model.

    Args:
        pretrained: The encoder. Its text pooling is ours alone and stays behind.

    Returns:
        The model, in evaluation mode; `.model` is the part without the output.

    Example:
        >>> from minent.encoders import EncoderConfig, PretrainConfig, pretrain
        >>> ids = torch.arange(200).numpy() % 20 + 3
        >>> shape = EncoderConfig(vocab_size=23, dim=16, layers=1, max_length=32)
        >>> trained = pretrain(ids, ids[:2] * 200 - 600, shape, PretrainConfig(steps=1, batch_size=2))
        >>> to_transformers(trained)(torch.tensor([[5, 6, 7]])).logits.shape
        torch.Size([1, 3, 23])
    """
    model = MinentForMaskedLM(MinentConfig(encoder=asdict(pretrained.config)))
    model.model.encoder.load_state_dict(pretrained.encoder.state_dict())
    return model.eval()
