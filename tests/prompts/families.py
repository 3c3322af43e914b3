"""Tiny random models of Hugging Face transformers, each with a tokenizer of its kind, saved in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    "a",
    "e",
    "i",
    "o",
    "u",
    "b",
    "c",
    "d",
    "f",
    "g",
    "x",
    "y",
    "z",
    "good",
    "bad",
    "film",
    "very",
    "it",
    "was",
    ".",
]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
PLACES = {"max_position_embeddings": 40}
ENDS = {"bos_token_id": 1, "eos_token_id": 1}


def words_tokenizer() -> Any:
    """One token for each word, `[CLS]` and `[SEP]` around a text: as BERT has it."""
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(SPECIALS + WORDS)}, unk_token="[UNK]"))
    inner.normalizer, inner.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, mask_token="[MASK]", **names)


def bytes_tokenizer(opening: str = "", closing: str = "", mask: str | None = None) -> Any:
    """Pairs of bytes, a word and the space before it one token: as GPT-2 and RoBERTa have it."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    specials = [token for token in ("<pad>", opening, closing, mask) if token]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([" ".join(WORDS), "".join(WORDS)] * 20, trainer)
    known = [(token, inner.token_to_id(token)) for token in (opening, closing) if token]
    if known:
        inner.post_processor = processors.TemplateProcessing(
            single=f"{opening} $A {closing}".strip(), special_tokens=known
        )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", mask_token=mask)


def config_of(family: str, vocab_size: int) -> Any:
    """The smallest configuration of a family."""
    sizes = SHAPE | {"vocab_size": vocab_size}
    if family in ("bert", "bert-encoder"):
        return transformers.BertConfig(**sizes, **PLACES, pad_token_id=0)
    if family == "roberta":
        return transformers.RobertaConfig(**sizes, max_position_embeddings=41, pad_token_id=0)
    if family == "albert":
        return transformers.AlbertConfig(**sizes, **PLACES, embedding_size=16, pad_token_id=0)
    if family == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=vocab_size, dim=32, n_layers=2, n_heads=2, hidden_dim=48, **PLACES, pad_token_id=0
        )
    if family == "electra":
        return transformers.ElectraConfig(**sizes, **PLACES, embedding_size=16, pad_token_id=0)
    if family == "gpt2":
        return transformers.GPT2Config(vocab_size=vocab_size, n_embd=32, n_layer=2, n_head=2, n_positions=40, **ENDS)
    if family == "t5":
        return transformers.T5Config(
            vocab_size=vocab_size, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, decoder_start_token_id=0
        )
    return transformers.LlamaConfig(**sizes, **PLACES, num_key_value_heads=2, pad_token_id=0, bos_token_id=1)


MODELS = {
    "bert": "BertForMaskedLM",
    "bert-encoder": "BertModel",
    "roberta": "RobertaForMaskedLM",
    "albert": "AlbertForMaskedLM",
    "distilbert": "DistilBertForMaskedLM",
    "electra": "ElectraForPreTraining",
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "t5": "T5ForConditionalGeneration",
}
BYTES = {"roberta": ("<s>", "</s>", "<mask>"), "gpt2": (), "llama": ("<s>",)}


def tokenizer_of(family: str) -> Any:
    """A tokenizer of the family's kind."""
    return bytes_tokenizer(*BYTES[family]) if family in BYTES else words_tokenizer()


def save(family: str, folder: Path, seed: int = 0) -> Path:
    """Write a random model of a family with its tokenizer, and return its folder."""
    tokenizer = tokenizer_of(family)
    torch.manual_seed(seed)
    model = getattr(transformers, MODELS[family])(config_of(family, len(tokenizer)))
    with torch.no_grad():  # as far apart as trained ones: fresh weights of 0.02 would make every output alike
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.normal_(std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
