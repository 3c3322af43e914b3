"""How a tuning begins: words for the classes, vectors for the prompts and a head; each is told in the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minent.encoders.session import Map
from minent.errors import listing
from minent.prompts.backbone import AnyBackbone
from minent.prompts.heads import CosineHead, Head, PieceHead, VectorHead, WordHead, nearest_means, piece_table, probe
from minent.prompts.model import PromptModel, body_copy, over_rows, reparametrized
from minent.prompts.options import FOUND, Choices
from minent.prompts.rows import Assembler, Rows, Texts
from minent.prompts.starts import deep_start, prompt_start
from minent.prompts.verbalizer import alike, averaging, codes, telling_words, tokens_of

PROBE_STRENGTH = 10.0  # inverse of the penalty of the head that tuning starts from
Tokens = list[list[np.ndarray]]  # of each class, of each of its words


@dataclass(frozen=True)
class Begun:
    """Where training starts.

    Attributes:
        model: Untrained.
        rows: The labelled texts in the template.
        masks: How many masks a row has.
        facts: What was decided on the way.
    """

    model: PromptModel
    rows: Rows
    masks: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class Beginning:
    """What the start of a tuning follows from.

    Attributes:
        backbone: What is tuned.
        choices: What was asked for.
        classes: Their names, sorted.
        targets: int64: the class of each labelled text.
        parallel: Maps over batches on the threads of a session.
    """

    backbone: AnyBackbone
    choices: Choices
    classes: list[str]
    targets: np.ndarray
    parallel: Map

    def of(self, texts: Texts) -> Begun:
        """Decide where training starts, from the labelled texts."""
        backbone, choices, options = self.backbone, self.choices, self.choices.options
        tokens = self._tokens() if not choices.pooled or options.start == "names" else []
        masks = piece_table(tokens).shape[1] if options.pieces == "each" else 1
        assembler = Assembler.of(choices.template, backbone, masks=masks, max_length=options.max_length)
        rows = assembler.rows(texts, backbone, choices.template)
        names = np.array([token for several in tokens for token in _flat(several)], dtype=np.int64)
        start = prompt_start(backbone.body, assembler.anchors, names, options.start)
        prompts = reparametrized(options.reparametrization, start)
        deep = None
        if options.deep:
            deep = reparametrized(options.reparametrization, deep_start(backbone.body, prompts().detach(), rows))
        bare = PromptModel(backbone.body, prompts, Head(), deep=deep, pooled=choices.pooled)
        notes = self._notes(rows, assembler.room, tokens)
        if options.verbalizer == FOUND:
            tokens = self._found_words(bare, rows)
        head, head_start = self._head(bare, rows, tokens)
        copied = backbone.body if self._leaves_body() else body_copy(backbone.body, dropout=options.dropout)
        model = PromptModel(copied, prompts, head, deep=deep, pooled=choices.pooled)
        return Begun(model, rows, masks, self._facts(tokens, head_start, notes))

    def _facts(self, tokens: Tokens, head_start: str, notes: list[str]) -> dict[str, Any]:
        flat = {name: _flat(several) for name, several in zip(self.classes, tokens)}
        return {
            "backbone": self.backbone.name,
            "classes": self.classes,
            "template": self.choices.template.line,
            "head": "pooled" if self.choices.pooled else "cloze",
            "label_start": head_start,
            "label_tokens": flat,
            "label_words": {name: [self.backbone.piece(token) for token in ids] for name, ids in flat.items()},
            "notes": notes,
        }

    def _tokens(self) -> Tokens:
        options = self.choices.options
        given = None if options.verbalizer == FOUND else options.verbalizer
        assert not isinstance(given, str)  # `Options` has refused every other text
        return tokens_of(
            self.classes,
            given,
            lambda words: self.backbone.encode(" " * self.backbone.spaces_lead + words),
            must_differ=options.labels == "words" and options.verbalizer != FOUND,
        )

    def _head(self, model: PromptModel, rows: Rows, tokens: Tokens) -> tuple[Head, str]:
        """What reads the class, and what it starts from."""
        options, count = self.choices.options, len(self.classes)
        if options.pieces == "each":
            return PieceHead(piece_table(tokens)), "a mask for each token"
        if options.labels == "words":
            return WordHead(self._averaging(tokens)), "words"
        bare = options.verbalizer is None and (codes(self.classes) or alike(self.classes, tokens))
        if options.labels == "learned" and not self.choices.pooled and not bare:
            words, _ = self.backbone.body.output()
            return VectorHead(self._averaging(tokens) @ words.detach()), "words"
        features, goals = self._features(model, rows), torch.from_numpy(self.targets)
        if options.labels == "prototypes":
            return CosineHead(nearest_means(features, goals, count)), "class means"
        return VectorHead(*probe(features, goals, count, 1 / (2 * PROBE_STRENGTH * len(rows)))), "linear probe"

    def _averaging(self, tokens: Tokens) -> Tensor:
        words, _ = self.backbone.body.output()
        return torch.from_numpy(averaging(tokens, len(words)))

    def _found_words(self, model: PromptModel, rows: Rows) -> Tokens:
        """Words that tell the classes apart where the mask stands, before any training."""
        with torch.no_grad():
            said = torch.log_softmax(self.backbone.body.logits(self._features(model, rows)), dim=-1)
        own = (torch.from_numpy(self.targets == each) for each in range(len(self.classes)))
        means = np.stack([said[rows_of].mean(dim=0).numpy() for rows_of in own])
        pieces = [self.backbone.piece(token).strip() for token in range(means.shape[1])]
        able = np.array([piece.isalpha() and (len(piece) > 1 or not piece.isascii()) for piece in pieces])
        found = telling_words(means, able if able.any() else np.arange(len(able)) > 2)
        return [[ids[place : place + 1] for place in range(len(ids))] for ids in found]

    def _notes(self, rows: Rows, room: int, tokens: Tokens) -> list[str]:
        notes = []
        cut = int((rows.whole > room).sum())
        if cut:
            notes.append(
                f"{cut} of {len(rows)} texts have more than the {room} tokens there is room for; they lost their end."
            )
        bare, same = codes(self.classes), alike(self.classes, tokens)
        if self.choices.options.verbalizer is None and not self.choices.pooled and (bare or same):
            unsaid = bare or same[0]
            notes.append(
                f"The names of {listing(unsaid)} say nothing to the backbone, so the labels start from a linear probe. "
                f"Words in verbalizer, or verbalizer='found', may serve better."
            )
        return notes

    def _features(self, model: PromptModel, rows: Rows) -> Tensor:
        """What a head reads of each row at its first mask, `(rows, features)`."""
        return over_rows(lambda batch: model.read(model.hidden(batch), batch), rows, self.parallel)[:, 0]

    def _leaves_body(self) -> bool:
        """Whether the backbone's own body can serve in training: nothing of it is trained, tracked or drawn."""
        tracked = any(weight.requires_grad for weight in self.backbone.body.parameters())
        return self.choices.options.mode == "prompts" and not self.choices.options.dropout and not tracked


def _flat(several: Sequence[np.ndarray]) -> list[int]:
    return [int(token) for ids in several for token in ids]
