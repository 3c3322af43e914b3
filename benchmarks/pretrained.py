"""What is a shipped encoder worth, with a few dozen labels?

    python -m benchmarks.pretrained                            # the encoder that is shipped as minent-small
    python -m benchmarks.pretrained --model DIR --against DIR  # any, beside another, such as one of CPU minutes
    python -m benchmarks.pretrained --adapt-seconds 60         # each set's unlabelled text is learnt first
    python -m benchmarks.pretrained --fusion                   # as a member of the classifier too; minutes a split

Question: on the few-shot sets, test accuracy (mean and spread over the label splits) of a linear probe on the frozen
encoder, of P-tuning (prompts alone, and the whole encoder), of fine-tuning without prompts, and of the cloze task with
class names and no label; with and without continued masked language modelling on the set's own unlabelled text. Before
it: size, seconds to load and to encode 1,000 texts of 16 tokens, bits per byte of the held-out text of each source.

The words that stand for classes and the templates were written down once and never changed after a test result. Goals
of the fused classifier: eprstmt 88, waimai 87, tnews 50, subjectivity 92.
"""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from minent.cli.pretraining import HELD_OUT, piece_bytes
from minent.cli.shipping import held_out_texts, measure
from minent.encoders import PretrainConfig, find_pretrained, pretrain
from minent.errors import MinentError
from minent.prompts import Backbone, PromptTuner, load_backbone

HERE = Path(__file__).resolve().parent
NAME = "minent-small"
GOALS = {"eprstmt": 88.0, "waimai": 87.0, "tnews": 50.0, "subjectivity": 92.0}
# What the cloze asks, and the words of each class; None takes the names of the classes.
CLOZE: dict[str, tuple[str, dict[str, str] | None]] = {
    "eprstmt": ("很{mask}。{text}", {"Negative": "差", "Positive": "好"}),
    "waimai": ("很{mask}。{text}", {"negative": "差", "positive": "好"}),
    "tnews": ("{mask}新闻：{text}", None),
    "subjectivity": ("it is {mask} . {text}", {"objective": "told", "subjective": "felt"}),
}
Rows = tuple[list[str], list[str]]


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NAME, help="a name or a folder")
    parser.add_argument("--against", action="append", default=[], help="another encoder, for the bits per byte")
    parser.add_argument("--sets", default=",".join(GOALS), help="comma-separated names of folders under --data")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "fewshot")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--adapt-seconds", type=float, default=0.0, help="of masked language modelling on each set")
    parser.add_argument("--fusion", action="store_true", help="fit the classifier with the encoder as a member")
    parser.add_argument("--budget-seconds", type=float, default=300, help="of the classifier")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        folder = find_pretrained(arguments.model)
        others = [find_pretrained(other) for other in arguments.against]
    except MinentError as error:
        print(f"skipped: {error}")
        return
    begun = time.perf_counter()
    backbone = load_backbone(folder)
    loaded = time.perf_counter() - begun
    describe(folder, backbone, loaded)
    bits([folder, *others], folder)
    for name in arguments.sets.split(","):
        if not (arguments.data / name).is_dir():
            print(f"\n{name}: skipped, there is no folder {arguments.data / name}")
            continue
        table(name, arguments.data / name, backbone, arguments)


def describe(folder: Path, backbone: Any, loaded: float) -> None:
    """Size, and the time of loading and encoding."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    rows = np.random.default_rng(0).integers(3, backbone.pretrained.config.vocab_size, 16_000).astype(np.int32)
    starts = np.arange(0, 16_001, 16)
    backbone.pretrained.embed(rows[:1600], starts[:101])
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        backbone.pretrained.embed(rows, starts)
        seconds.append(time.perf_counter() - begun)
    facts = backbone.pretrained.facts
    print(
        f"{folder}: {size:.1f} MB, {facts['parameters']:,} weights, loaded in {loaded:.2f} s; 1,000 texts of 16 tokens "
        f"in {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
    )


def bits(folders: Sequence[Path], of: Path) -> None:
    """Bits per byte of hidden text on the held-out texts of the first encoder; another tokenizer cuts them anew."""
    if not (of / HELD_OUT).is_file():
        print(f"bits per byte: skipped, {of} has no {HELD_OUT}")
        return
    texts, unigram = held_out_texts(of)
    known = load_backbone(of).tokenizer
    for folder in folders:
        other = load_backbone(folder)
        for name, (ids, starts) in texts.items():
            rows, base = (ids, starts), unigram
            if other.tokenizer.pieces != known.pieces:
                passages = [known.decode(ids[begin:end]) for begin, end in pairwise(starts)]
                rows = other.tokenizer.encode_arrays(passages)
                base = held_out_texts(folder)[1]
            found = measure(other.pretrained, other.tokenizer, rows, base)
            print(f"  {folder} on {name}: {found['loss']:.4f} {found['unit']} ({found['unigram']:.4f} by frequency)")


def table(name: str, folder: Path, backbone: Any, arguments: argparse.Namespace) -> None:
    """Every method on every split of one set."""
    packed = (folder / "unlabeled.txt.xz").read_bytes()
    unlabelled = [line for line in lzma.decompress(packed).decode("utf-8").split("\n") if line]
    test = read(folder / "test.jsonl")
    splits = [read(folder / f"train-{split}.jsonl") for split in range(arguments.splits)]
    print(f"\n{name}: {len(splits[0][0])} labels, {len(splits)} splits, {len(test[0])} test texts", flush=True)
    forms = {"as it is": backbone}
    if arguments.adapt_seconds:
        forms["continued"] = adapted(backbone, unlabelled, arguments.adapt_seconds, arguments.seed)
    for form, used in forms.items():
        template, words = CLOZE[name]
        sample = unlabelled[:1000]
        asked = PromptTuner(
            used, template, words, labels="words", mode="all", steps=0, calibration="unlabeled", seed=arguments.seed
        ).fit(*splits[0], unlabeled=sample)
        show(form, "cloze with class names, no labels", [accuracy(asked.predict(test[0]), test[1])])
        show(form, "linear probe", probes(used, splits, test, arguments.seed))
        for title, options in (
            ("P-tuning, prompts alone", {"mode": "prompts"}),
            ("P-tuning, whole encoder", {"mode": "all"}),
            ("fine-tuning, no prompts", {"mode": "all", "template": "{text}", "head": "pooled"}),
        ):
            found = []
            for texts, labels in splits:
                steps = min(max(100, len(texts)), 400)
                tuner = PromptTuner(used, steps=steps, seed=arguments.seed, **options).fit(texts, labels)
                found.append(accuracy(tuner.predict(test[0]), test[1]))
            show(form, title, found)
        if arguments.fusion:
            show(form, "fused classifier", fused(used, splits, unlabelled, test, arguments))
    print(f"  goal of the fused classifier: {GOALS.get(name, float('nan'))}", flush=True)


def adapted(backbone: Any, texts: list[str], seconds: float, seed: int) -> Backbone:
    """The encoder after masked language modelling on a set's own text, planned for so many seconds of two cores."""
    ids, starts = backbone.tokenizer.encode_arrays(texts)
    before = backbone.pretrained
    plan = PretrainConfig(budget_seconds=seconds, learning_rate=1e-3, batch_size=16, seed=seed, separate_documents=True)
    sizes = piece_bytes(backbone.tokenizer)
    begun = time.monotonic()
    made = pretrain(ids, starts, before.config, plan, begin=before, piece_bytes=sizes)
    held = made.facts["held_out"]
    print(f"  continued for {time.monotonic() - begun:.0f} s: {held['loss']:.4f} {held['unit']}", flush=True)
    return Backbone(made, backbone.tokenizer)


def probes(backbone: Any, splits: list[Rows], test: Rows, seed: int) -> list[float]:
    """Accuracy of logistic regression on the encoder's text vectors, at the classifier's strength and scale."""

    def rows(texts: list[str]) -> np.ndarray:
        return backbone.pretrained.embed(*backbone.tokenizer.encode_arrays(texts)).astype(np.float64)

    asked, found = rows(test[0]), []
    for texts, labels in splits:
        known = rows(texts)
        scale = np.sqrt((known**2).sum(axis=1).mean())
        model = LogisticRegression(C=10.0, max_iter=1000, random_state=seed).fit(known / scale, labels)
        found.append(accuracy(model.predict(asked / scale), test[1]))
    return found


def fused(
    backbone: Any, splits: list[Rows], unlabelled: list[str], test: Rows, arguments: argparse.Namespace
) -> list[float]:
    """Accuracy of the classifier that is shipped with the encoder among its members."""
    from minent import TextClassifier

    found = []
    for texts, labels in splits:
        model = TextClassifier(arguments.budget_seconds, arguments.seed, backbone).fit(texts, labels, unlabelled)
        found.append(accuracy(model.predict(test[0]), test[1]))
    return found


def accuracy(said: Sequence[str], labels: list[str]) -> float:
    """Share of right answers, in per cent."""
    return 100 * float(np.mean(np.asarray(said) == np.asarray(labels)))


def show(form: str, title: str, found: list[float]) -> None:
    """One row of a table."""
    print(f"  {form:10} {title:36} {statistics.fmean(found):6.1f} ({statistics.pstdev(found):.1f})", flush=True)


def read(path: Path) -> Rows:
    """Read `{"text", "label"}` lines."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]


if __name__ == "__main__":
    main()
