"""From a pretrained encoder to what is shipped: fewer bytes, measured again, with a card for people."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent.artifacts import load_arrays
from minent.cli.pretraining import HELD_OUT, piece_bytes
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.encoders import PretrainedEncoder
    from minent.tokenizer import Tokenizer

AUTO = ("float16", "int8")  # the first that is small enough
SHORT = 16  # tokens of a short text
Rows = tuple["np.ndarray", "np.ndarray"]


def ship(folder: Path, output: Path, *, weights: str, megabytes: float, overwrite: bool) -> list[str]:
    """Write the artifact, and return what to tell about it.

    Raises:
        InputError: It would take more than `megabytes`, or the folder has no held-out texts to measure it on.
    """
    from minent.encoders import PretrainedEncoder, find_pretrained
    from minent.tokenizer import Tokenizer

    found = find_pretrained(folder)
    trained, known = PretrainedEncoder.load(found), Tokenizer.load(found / "tokenizer")
    if not (found / HELD_OUT).is_file():
        raise InputError(f"{folder}: has no {HELD_OUT} to be measured on. Make it with 'encoder pretrain --config'.")
    texts, unigram = held_out_texts(found)
    kept = {name: (found / name).read_bytes() for name in (HELD_OUT, "recipe.json")}
    beside = sum(path.stat().st_size for path in (found / "tokenizer").iterdir()) + sum(map(len, kept.values()))
    chosen = _chosen(trained, weights, beside, megabytes * 10**6)
    small = trained.quantised(chosen)
    bits = {
        name: {
            "unigram": whole["unigram"],
            "unit": whole["unit"],
            "tokens": whole["tokens"],
            "float32": whole["loss"],
            chosen: measure(small, known, rows, unigram)["loss"],
        }
        for name, rows in texts.items()
        for whole in [measure(trained, known, rows, unigram)]
    }
    facts = {"weights": chosen, "bits": bits, "least_cosine": least_cosine(trained, small, texts)}
    shipped = replace(small, facts=small.facts | {"shipped": facts})
    told = json.loads(kept["recipe.json"])
    card = model_card(shipped, known, told, texts)
    curve = shipped.facts["curve"]
    kept |= {"README.md": card.encode(), "curve.csv": curve_csv(curve).encode(), "curve.svg": curve_svg(curve).encode()}
    shipped.save(output, overwrite=overwrite, tokenizer=known, files=kept)
    return [
        f"{output}: {chosen}, {sum(path.stat().st_size for path in output.rglob('*') if path.is_file()) / 1e6:.1f} MB",
        *(
            f"{name}: {row[chosen]:.4f} {row['unit']} ({row['float32']:.4f} in float32, {row['unigram']:.4f} by "
            f"frequency alone)"
            for name, row in bits.items()
        ),
        f"least cosine of a text's vector to that in float32: {facts['least_cosine']:.5f}",
        *_timed(output, texts),
    ]


def held_out_texts(folder: Path) -> tuple[dict[str, Rows], np.ndarray]:
    """The held-out texts of each source that lie beside an encoder, and the log-probabilities of single ids."""
    arrays = load_arrays(folder / HELD_OUT)
    names = [name.removesuffix(".ids") for name in arrays if name.endswith(".ids")]
    return {name: (arrays[f"{name}.ids"], arrays[f"{name}.starts"]) for name in names}, arrays["unigram"]


def measure(trained: PretrainedEncoder, known: Tokenizer, rows: Rows, unigram: np.ndarray) -> dict[str, Any]:
    """The loss on held-out texts, as pretraining measures it."""
    from minent.encoders.evaluation import evaluate

    plan = trained.pretrain_config
    found = evaluate(trained.encoder, *rows, unigram, piece_bytes(known), plan.seed, plan.separate_documents)
    if found is None:
        raise InputError("the held-out texts are too few to measure a loss on. Pretrain with a larger held_out.")
    return found


def least_cosine(whole: PretrainedEncoder, small: PretrainedEncoder, texts: dict[str, Rows]) -> float:
    """The least cosine between the vectors that two encoders give the held-out texts."""
    import numpy as np

    least = 1.0
    for rows in texts.values():
        first, second = whole.embed(*rows), small.embed(*rows)
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        least = min(least, float(((first * second).sum(axis=1) / np.maximum(lengths, 1e-12)).min()))
    return least


def _chosen(trained: PretrainedEncoder, weights: str, beside: int, most: float) -> str:
    from minent.encoders.pretrained import weights_of
    from minent.encoders.quantise import packed

    arrays = weights_of(trained.encoder)
    size = 0
    for name in AUTO if weights == "auto" else (weights,):
        trained_size = sum(array.nbytes for array in packed(arrays, name).values())
        size = beside + trained_size + sum(array.nbytes for array in vars(trained.pooling).values()) + 10**5
        if size <= most:
            return name
    raise InputError(
        f"the encoder takes {size / 1e6:.1f} MB in {name}, and {most / 1e6:.0f} are allowed. Pretrain a smaller one, "
        f"or allow more with --megabytes."
    )


def _timed(folder: Path, texts: dict[str, Rows]) -> list[str]:
    """How long it takes to load what was written, and to encode short texts."""
    import numpy as np

    from minent.encoders import PretrainedEncoder
    from minent.runtime import thread_count
    from minent.tokenizer import Tokenizer

    begun = time.perf_counter()
    trained, _ = PretrainedEncoder.load(folder), Tokenizer.load(folder / "tokenizer")
    loaded = time.perf_counter() - begun
    rows = [ids[begin:end] for ids, starts in texts.values() for begin, end in pairwise(starts)]
    rows = [rows[number % len(rows)][:SHORT] for number in range(1000)]
    ids, starts = np.concatenate(rows), np.cumsum([0, *map(len, rows)])
    begun = time.perf_counter()
    trained.embed(ids, starts)
    encoded = time.perf_counter() - begun
    return [
        f"loaded in {loaded:.2f} s; 1,000 texts of {len(ids) / 1000:.0f} tokens encoded in {encoded:.2f} s on "
        f"{thread_count()} threads"
    ]


# --- the card ---------------------------------------------------------------------------------------------------------


def model_card(trained: PretrainedEncoder, known: Tokenizer, told: dict[str, Any], texts: dict[str, Rows]) -> str:
    """The model card: what it is, what it was trained on and under which licences, how good it is, what it says."""
    recipe, read, facts = told["recipe"], told["text"], trained.facts
    shape, plan, shipped = trained.config, trained.pretrain_config, facts["shipped"]
    tokens = facts["steps"] * plan.batch_size * shape.max_length
    sources = []
    for name in read["sources"]:
        known_of, lines = recipe["sources"].get(name, {}), read["read"][name]
        stated = " | ".join(known_of.get(key, "not stated") for key in ("text", "licence"))
        sources.append(f"| {name} | {stated} | {lines['bytes'] / 1e6:,.1f} MB | {lines['repeated']:,} |")
    losses = [
        f"| {name} | {row[shipped['weights']]:.3f} | {row['float32']:.3f} | {row['unigram']:.3f} | {row['tokens']:,} |"
        for name, row in shipped["bits"].items()
    ]
    stopped = f" ({facts['stopped']})" if facts["stopped"] else ""
    return "\n".join(
        [
            f"# {recipe['name']}",
            "",
            f"A masked language model of minent: {shape.mixer}, {shape.layers} blocks of {shape.dim} channels, "
            f"{facts['parameters']:,} weights in {shipped['weights']}, {shape.vocab_size:,} pieces, rows of "
            f"{shape.max_length} tokens. It is a start for P-tuning, fine-tuning or a linear classifier; it answers no "
            f"questions, and it has seen only the text below, with whatever that text is partial to.",
            "",
            f'    minent fit labelled.csv --backbone "{recipe["name"]}" -o model/',
            "",
            "## Trained on",
            "",
            "| source | text | licence | read | repeated lines left out |",
            "|---|---|---|---|---|",
            *sources,
            "",
            f"{facts['train_tokens']:,} tokens to train on; {facts['steps']:,} steps{stopped} of {plan.batch_size} "
            f"rows, {tokens / 1e6:,.1f} million tokens, {tokens / facts['train_tokens']:.1f} passes; "
            f"{trained.measured['seconds'] / 60:,.1f} minutes on {trained.measured['device']}. "
            f"`recipe.json` holds the recipe, `curve.csv` the loss.",
            "",
            "![Loss in training, in bits per byte](curve.svg)",
            "",
            "## Bits per byte of hidden text that training never saw",
            "",
            f"| source | {shipped['weights']} | float32 | frequencies alone | tokens asked |",
            "|---|---|---|---|---|",
            *losses,
            "",
            f"15 % of the tokens hidden. The vectors of these texts have a cosine of at least "
            f"{shipped['least_cosine']:.4f} to those in float32.",
            "",
            "## Examples, not chosen by their answers",
            "",
            *_cloze(trained, known, recipe.get("card", {}).get("cloze", [])),
            *_nearest(trained, known, texts),
            *_words(trained, known, texts, recipe.get("card", {}).get("words", [])),
            "",
        ]
    )


def _cloze(trained: PretrainedEncoder, known: Tokenizer, templates: list[str]) -> list[str]:
    import numpy as np

    from minent.encoders.cloze import at_masks

    lines = []
    for template in templates:
        before, mask, after = template.partition("{mask}")
        if not mask:
            raise InputError(f"[card] cloze has {template!r}; a {{mask}} is to stand in it.")
        before = before.rstrip()  # a piece of a spaced script holds the space before it
        row = np.array([*known.encode(before), trained.encoder.mask_id, *known.encode(after)])
        said = at_masks(trained.encoder, row, np.array([0, len(row)]))[0]
        best = [f"{_shown(known, [id])} {np.exp(said[id]):.2f}" for id in np.argsort(-said, kind="stable")[:5]]
        lines.append(f"- {_escaped(template)}: {', '.join(best)}")
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
