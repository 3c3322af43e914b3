"""From a pretrained encoder to what is shipped: fewer bytes, measured again, with its card."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent.artifacts import load_arrays
from minent.cli.encoder_card import Rows, curve_csv, curve_svg, model_card
from minent.cli.pretraining import HELD_OUT, piece_bytes
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from minent.encoders import PretrainedEncoder
    from minent.tokenizer import Tokenizer

AUTO = ("float16", "int8")  # the first that is small enough
SHORT = 16  # tokens of a short text


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
