"""A local model of Hugging Face transformers as a backbone: a masked or causal language model, or a bare encoder.

Needs the extra `hf`. Read are safetensors and tokenizer files of a folder of this machine, and nothing else: no
network, no pickled weights, no code of the folder.

Models get input embeddings and a mask only, never ids, padded on the right. So a model that counts its places from the
embeddings (RoBERTa: from `padding_idx + 1` on) and one that counts from the left (GPT-2) give each token the place that
it has in pretraining, and no place has to be handed over.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from minent import artifacts
from minent.errors import InputError, MissingExtraError
from minent.prompts.body import Body, listen_for_deep_prompts

try:
    import transformers
    from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions
except ImportError as error:
    raise MissingExtraError("transformers is not installed; pip install 'minent[hf]' brings it.") from error

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.tiktoken")
SPACES = ("Ġ", "▁")  # how tokenizers spell one
DEFAULT_LENGTH = 512  # where a model states no longest row


class HuggingFaceBody(Body):
    """A transformers model behind the interface of the prompts.

    Args:
        model: With its output words, or without.
        causal: No token sees a later one.
        mute: Why it says no words; empty where it does.
        mask_id: The id of the mask token, if there is one.
        ends: The ids that its tokenizer puts before and behind a text.
        max_length: The longest row.
    """

    rate = 3e-5

    def __init__(
        self,
        model: Any,
        *,
        causal: bool,
        mute: str,
        mask_id: int | None,
        ends: tuple[tuple[int, ...], tuple[int, ...]],
        max_length: int,
    ) -> None:
        super().__init__()
        self.model: Any = model
        self.base: Any = model.base_model
        table = self.base.get_input_embeddings()
        with torch.no_grad():
            self.dim = table(torch.zeros(1, dtype=torch.int64)).shape[-1]
            self.hidden_dim = self.base.config.hidden_size
        self.first_slot, self.causal, self.mute = table.num_embeddings, causal, mute
        self.mask_id = None if causal else mask_id
        self.opening, self.closing = ends[0], () if causal else ends[1]
        self.max_length = max_length
        self.head = None if mute else _head_alone(model)
        self.speaks = not mute
        listen_for_deep_prompts(self.layers())

    def lookup(self, ids: Tensor) -> Tensor:
        """See `Body.lookup`."""
        return self.base.get_input_embeddings()(ids)

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """See `Body.forward`."""
        extra = {"use_cache": False} if self.causal else {}
        whole = None if bool(mask.all()) else mask.long()
        return self.base(inputs_embeds=embeddings, attention_mask=whole, **extra).last_hidden_state

    def features(self, hidden: Tensor) -> Tensor:
        """See `Body.features`."""
        assert self.head is not None
        flat = hidden.reshape(-1, 1, hidden.shape[-1])
        return self.head(inputs_embeds=flat).logits.reshape(*hidden.shape[:-1], -1)

    def output(self) -> tuple[Tensor, Tensor | None]:
        """See `Body.output`."""
        words = self.model.get_output_embeddings()
        return words.weight, words.bias

    def layers(self) -> list[nn.Module]:
        """See `Body.layers`."""
        count = self.base.config.num_hidden_layers
        lists = [part for part in self.base.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
        return list(lists[0]) if lists and count > 1 else []


class _Given(nn.Module):
    """Stands where the model's trunk stood and hands on what it is given."""

    def forward(self, *args: Any, inputs_embeds: Tensor, **ignored: Any) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=inputs_embeds)


def _head_alone(model: Any) -> nn.Module:
    """The model's own path from hidden states to its output words, whatever its family: the same weights, no trunk."""
    shared: dict[int, Any] = {id(weight): weight for weight in model.parameters()}
    return copy.deepcopy(
        model, shared | {id(model.base_model): _Given(), id(model.get_output_embeddings()): nn.Identity()}
    )


class HuggingFaceBackbone:
    """A local transformers model with its tokenizer, for prompts to be tuned on. It is never changed.

    Args:
        body: The model.
        tokenizer: Its tokenizer.
        name: For people.
        digest: SHA-256 over its files.
    """

    def __init__(self, body: HuggingFaceBody, tokenizer: Any, name: str, digest: str) -> None:
        self.body, self.tokenizer, self.name, self.digest = body, tokenizer, name, digest

    @classmethod
    def load(cls, folder: str | Path) -> HuggingFaceBackbone:
        """Load a local folder.

        Args:
            folder: With `config.json`, safetensors and tokenizer files.

        Raises:
            InputError: A folder without one of these, a model that needs code of its own, an encoder-decoder, or a
                tokenizer with more ids than the model.
        """
        folder = Path(folder)
        _check_files(folder)
        with _quiet(), _explained(folder):
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            model, causal, mute = _load_model(folder, config)
        rows = model.base_model.get_input_embeddings().num_embeddings
        if len(tokenizer) > rows:
            raise InputError(
                f"{folder}: the tokenizer has {len(tokenizer)} ids, but the model knows {rows}. Pair the model with "
                f"its own tokenizer."
            )
        body = HuggingFaceBody(
            model,
            causal=causal,
            mute=mute,
            mask_id=tokenizer.mask_token_id,
            ends=_ends(tokenizer),
            max_length=min(_longest_row(model), tokenizer.model_max_length),
        )
        return cls(body.eval().requires_grad_(False), tokenizer, folder.resolve().name, _digest(folder))

    @cached_property
    def spaces_lead(self) -> bool:
        """Whether a word and the space before it are one token."""
        alone, spaced = (self.tokenizer.convert_ids_to_tokens(self.encode(text))[0] for text in ("a", " a"))
        return spaced.startswith(SPACES) and not alone.startswith(SPACES)

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text, int64; `[MASK]` and its like in it are letters, not special tokens."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the ids of each text, int64."""
        if not len(texts):
            return []
        found = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False, verbose=False
        )
        return [np.asarray(ids, dtype=np.int64) for ids in found["input_ids"]]

    def piece(self, token: int) -> str:
        """Return what an id says, as text."""
        return self.tokenizer.decode([token])


# --- loading ----------------------------------------------------------------------------------------------------------


def _check_files(folder: Path) -> None:
    if not any(path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)):
        raise InputError(
            f"{folder}: holds a model without its tokenizer. Save it there too with "
            f"tokenizer.save_pretrained({str(folder)!r})."
        )
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{folder}: holds no safetensors weights, and pickled ones are never read. Save the model again with "
            f"model.save_pretrained({str(folder)!r})."
        )


def _load_model(folder: Path, config: Any) -> tuple[Any, bool, str]:
    """Load the model with its output words, if it has trained ones; say whether it is causal, and why it is mute."""
    if config.is_encoder_decoder:
        raise InputError(
            f"{folder}: is an encoder-decoder ({config.model_type}), and prompts are tuned on an encoder or a decoder "
            f"alone. Choose a model such as BERT, RoBERTa, GPT-2 or Llama."
        )
    saved_as = (config.architectures or ["a model of unnamed form"])[0]
    causal = saved_as.endswith(("ForCausalLM", "LMHeadModel"))
    masked = saved_as.endswith(("ForMaskedLM", "ForPreTraining"))
    kind = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForMaskedLM if masked else None
    mute = "" if kind else f"it was saved as {saved_as}, which has none"
    loader: Any = kind or transformers.AutoModel
    model, report = loader.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    lost = [name for name in report["missing_keys"] if ".pooler." not in f".{name}"]
    trunk = f"{model.base_model_prefix}."
    if kind is None or any(name.startswith(trunk) for name in lost):
        if lost:
            raise InputError(f"{folder}: the weights lack {len(lost)} arrays, {sorted(lost)[0]} among them.")
    elif lost:
        mute = f"its weights lack {sorted(lost)[0]}, so they were never trained"
    elif not _says_words(model.eval()):
        mute = "they are not a linear map of its features"
    return model.eval() if not mute else model.base_model.eval(), causal, mute


@torch.no_grad()
def _says_words(model: Any) -> bool:
    """Whether the head alone, times the output words, says what the whole model says."""
    words = model.get_output_embeddings()
    if words is None:
        return False
    ids = torch.arange(4)[None] % model.base_model.get_input_embeddings().num_embeddings
    hidden = model.base_model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    wanted = model(ids, attention_mask=torch.ones_like(ids)).logits
    found = words(_head_alone(model)(inputs_embeds=hidden).logits)
    return torch.allclose(found, wanted, atol=1e-4 * float(wanted.abs().max()))


def _ends(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer puts before and behind a text."""
    bare, whole = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    before = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    return tuple(whole[:before]), tuple(whole[before + len(bare) :])


def _longest_row(model: Any) -> int:
    stated = getattr(model.config, "max_position_embeddings", None) or DEFAULT_LENGTH
    for name, part in model.named_modules():
        is_places = isinstance(part, nn.Embedding) and part.num_embeddings == stated and "position" in name
        if is_places and part.padding_idx is not None:
            return stated - part.padding_idx - 1  # places are counted from behind the padding
    return stated


def _digest(folder: Path) -> str:
    """SHA-256 over what decides the answers: config, weights, tokenizer."""
    names = {
        path.name for pattern in ("*.safetensors", *TOKENIZER_FILES, "merges.txt") for path in folder.glob(pattern)
    }
    return artifacts.digest_of(
        [[name, artifacts.digest_file(folder / name)] for name in sorted(names | {"config.json"})]
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Library code never prints: no bar and no report of transformers while it loads."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # transformers and torch announce their own coming changes
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what transformers raises of a folder into one line that names it."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{folder}: transformers cannot load it ({reason}). It takes a complete local model of a family that "
            f"transformers knows by itself; code in the folder is never run."
        ) from error
