"""The card of a shipped encoder: what it is, what it learnt from, how good it is, and the picture of its loss."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.encoders import PretrainedEncoder
    from minent.tokenizer import Tokenizer

Rows = tuple["np.ndarray", "np.ndarray"]


def model_card(trained: PretrainedEncoder, known: Tokenizer, told: dict[str, Any], texts: dict[str, Rows]) -> str:
    """The model card: what it is, what it was trained on and under which licences, how good it is, what it says."""
    examples = told["recipe"].get("card", {})
    return "\n".join(
        [
            *_what_it_is(trained, told["recipe"]["name"]),
            *_trained_on(trained, told),
            *_losses(trained),
            "## Examples, not chosen by their answers",
            "",
            *_cloze(trained, known, examples.get("cloze", [])),
            *_nearest(trained, known, texts),
            *_words(trained, known, texts, examples.get("words", [])),
            "",
        ]
    )


def _what_it_is(trained: PretrainedEncoder, name: str) -> list[str]:
    shape, facts = trained.config, trained.facts
    return [
        f"# {name}",
        "",
        f"A {'causal' if shape.causal else 'masked'} language model of minent: {shape.mixer}, {shape.layers} blocks of "
        f"{shape.dim} channels, {facts['parameters']:,} weights in {facts['shipped']['weights']}, "
        f"{shape.vocab_size:,} pieces, rows of {shape.max_length} tokens. It is a start for P-tuning, fine-tuning or a "
        f"linear classifier; it answers no questions, and it has seen only the text below, with whatever that text is "
        f"partial to.",
        "",
        f'    minent fit labelled.csv --backbone "{name}" -o model/',
        "",
    ]


def _trained_on(trained: PretrainedEncoder, told: dict[str, Any]) -> list[str]:
    facts, batch, read = trained.facts, trained.pretrain_config.batch_size, told["text"]
    tokens = facts["steps"] * batch * trained.config.max_length
    stopped = f" ({facts['stopped']})" if facts["stopped"] else ""
    sources = []
    for name in read["sources"]:
        known_of, lines = told["recipe"]["sources"].get(name, {}), read["read"][name]
        stated = " | ".join(known_of.get(key, "not stated") for key in ("text", "licence"))
        sources.append(f"| {name} | {stated} | {lines['bytes'] / 1e6:,.1f} MB | {lines['repeated']:,} |")
    return [
        "## Trained on",
        "",
        "| source | text | licence | read | repeated lines left out |",
        "|---|---|---|---|---|",
        *sources,
        "",
        f"{facts['train_tokens']:,} tokens to train on; {facts['steps']:,} steps{stopped} of {batch} rows, "
        f"{tokens / 1e6:,.1f} million tokens, {tokens / facts['train_tokens']:.1f} passes; "
        f"{trained.measured['seconds'] / 60:,.1f} minutes on {trained.measured['device']}. "
        f"`recipe.json` holds the recipe, `curve.csv` the loss.",
        "",
        "![Loss in training, in bits per byte](curve.svg)",
        "",
    ]


def _losses(trained: PretrainedEncoder) -> list[str]:
    shipped, causal = trained.facts["shipped"], trained.config.causal
    asked = "Every token is said from those before it." if causal else "15 % of the tokens hidden."
    return [
        f"## Bits per byte of {'' if causal else 'hidden '}text that training never saw",
        "",
        f"| source | {shipped['weights']} | float32 | frequencies alone | tokens asked |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row[shipped['weights']]:.3f} | {row['float32']:.3f} | {row['unigram']:.3f} | "
            f"{row['tokens']:,} |"
            for name, row in shipped["bits"].items()
        ),
        "",
        f"{asked} The vectors of these texts have a cosine of at least {shipped['least_cosine']:.4f} to those in "
        f"float32.",
        "",
    ]


def _cloze(trained: PretrainedEncoder, known: Tokenizer, templates: list[str]) -> list[str]:
    import numpy as np

    from minent.encoders.cloze import at_ends, at_masks

    encoder, lines = trained.encoder, []
    for template in templates:
        before, mask, after = template.partition("{mask}")
        if not mask:
            raise InputError(f"[card] cloze has {template!r}; a {{mask}} is to stand in it.")
        before = before.rstrip()  # a piece of a spaced script holds the space before it
        if not trained.config.causal:
            shown, ask, row = template, at_masks, [*known.encode(before), encoder.mask_id, *known.encode(after)]
        elif before:
            shown, ask = f"{before} ...", at_ends  # it reads nothing behind
            row = known.encode(before)[-trained.config.max_length :]
        else:
            continue
        said = ask(encoder, np.array(row), np.array([0, len(row)]))[0]
        best = [f"{_shown(known, [id])} {np.exp(said[id]):.2f}" for id in np.argsort(-said, kind="stable")[:5]]
        lines.append(f"- {_escaped(shown)}: {', '.join(best)}")
    return lines


def _nearest(trained: PretrainedEncoder, known: Tokenizer, texts: dict[str, Rows]) -> list[str]:
    import numpy as np

    lines = []
    for name, (ids, starts) in texts.items():
        vectors = trained.embed(ids, starts)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        query = len(vectors) // 2
        cosines = vectors @ vectors[query]
        cosines[query] = -2
        if len(vectors) < 2:
            continue
        near = int(cosines.argmax())
        shown = [_shown(known, ids[starts[row] : starts[row + 1]][:48]) for row in (query, near)]
        lines.append(f"- {name}: nearest to {shown[0]} is {shown[1]} (cosine {cosines[near]:.2f})")
    return lines


def _words(trained: PretrainedEncoder, known: Tokenizer, texts: dict[str, Rows], words: list[str]) -> list[str]:
    import numpy as np

    lines = []
    for word in words:
        found = [one for ids, starts in texts.values() for one in _uses(trained, known, ids, starts, word)]
        if len(found) < 3:
            lines.append(f"- {_escaped(word)}: stands in {len(found)} of the held-out texts, too few to compare")
            continue
        vectors = np.stack([vector for _, vector in found])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors @ vectors[0]
        for title, at in (("most", 1 + int(cosines[1:].argmax())), ("least", 1 + int(cosines[1:].argmin()))):
            lines.append(
                f"- {_escaped(word)} in {found[0][0]} is {title} like it in {found[at][0]} ({cosines[at]:.2f}, "
                f"of {len(found)} uses)"
            )
    return lines


def _uses(
    trained: PretrainedEncoder, known: Tokenizer, ids: np.ndarray, starts: np.ndarray, word: str
) -> list[tuple[str, np.ndarray]]:
    """Where a word stands, and the mean of the vectors of its tokens there; at most 50 uses."""
    import numpy as np

    from minent.encoders.pooling import states_of

    uses: list[tuple[str, np.ndarray]] = []
    whole = re.compile(rb"(?<![A-Za-z])" + re.escape(word.encode()) + rb"(?![A-Za-z])")
    for begin, end in pairwise(starts):
        row = ids[begin:end]
        pieces = [known.id_to_piece(int(id)) for id in row]
        met = whole.search(b"".join(pieces))
        if met is None or len(uses) == 50:
            continue
        place = met.start()
        ends = np.cumsum([len(piece) for piece in pieces])
        first, last = (int(np.searchsorted(ends, at, side="right")) for at in (place, place + len(word.encode()) - 1))
        vectors = states_of(trained.encoder, row)
        around = _shown(known, row[max(0, first - 8) : last + 9])
        uses.append((around, vectors[first : last + 1].mean(axis=0)))
    return uses


def _shown(known: Tokenizer, ids: Any) -> str:
    text = b"".join(known.id_to_piece(int(id)) for id in ids).decode("utf-8", "replace")
    return f"`{_escaped(text.strip()) or ' '}`"


def _escaped(text: str) -> str:
    return " ".join(text.replace("`", "'").replace("|", "/").split())


# --- the curve --------------------------------------------------------------------------------------------------------


def curve_csv(curve: list[dict[str, float]]) -> str:
    """The curve as a table.

    Example:
        >>> curve_csv([{"step": 10, "loss": 5.0, "bits": 2.5}])
        'step,nats_per_token,bits_per_byte\\n10,5.0,2.5\\n'
    """
    rows = [f"{point['step']},{point['loss']},{point['bits']}\n" for point in curve]
    return "step,nats_per_token,bits_per_byte\n" + "".join(rows)


def curve_svg(curve: list[dict[str, float]], width: int = 480, height: int = 240) -> str:
    """The curve as a picture.

    Example:
        >>> curve_svg([{"step": 1, "bits": 3.0}, {"step": 9, "bits": 2.0}]).count("<text")
        4
    """
    steps, bits = [point["step"] for point in curve], [point["bits"] for point in curve]
    low, high, left, foot = min(bits, default=0.0), max(bits, default=1.0), 48, 28
    wide, tall = max(steps, default=1), max(high - low, 1e-9)
    points = " ".join(
        f"{left + (width - left - 12) * step / wide:.1f},{12 + (height - foot - 12) * (high - bit) / tall:.1f}"
        for step, bit in zip(steps, bits)
    )
    labels = [(left - 6, 16, "end", f"{high:.2f}"), (left - 6, height - foot, "end", f"{low:.2f}")]
    labels += [(width - 12, height - 8, "end", f"{wide:,} steps"), (left, height - 8, "start", "bits per byte")]
    texts = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>' for x, y, anchor, text in labels
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="#fff"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="2"/>{texts}</svg>\n'
    )
