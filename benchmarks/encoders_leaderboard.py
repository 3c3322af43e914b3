"""The leaderboard of `python -m benchmarks.encoders`: training speeds, runs, tables. See there."""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minent import vectors
from minent.encoders import EncoderConfig, PretrainConfig
from minent.encoders.batches import cut
from minent.encoders.evaluation import evaluate, unigram_of
from minent.encoders.packing import Windows
from minent.encoders.session import torch_session
from minent.encoders.training import Run
from minent.runtime import silent
from minent.tokenizer import TokenizerConfig, train

REFERENCE = "attention"
SHAPE = ("vocab", "dim", "layers", "length", "batch")  # what a speed depends on
RUN = (*SHAPE, "bytes", "start", "learning_rate")  # what a result depends on, beside form, language, seed and tokens
ROUNDS = 5


def shape_of(form: str, vocab: int, arguments: argparse.Namespace) -> EncoderConfig:
    """The config of one contestant."""
    mixer, _, variant = form.partition("/")
    return EncoderConfig(
        mixer=mixer,
        variant=variant,
        vocab_size=vocab,
        dim=arguments.dim,
        layers=arguments.layers,
        max_length=arguments.length,
    )


# --- rates ------------------------------------------------------------------------------------------------------------


def rates(arguments: argparse.Namespace) -> None:
    """Measure tokens per second of whole training steps, all forms in turn, and write them down."""
    forms = list(dict.fromkeys([REFERENCE, *arguments.mixers.split(",")]))
    rng = np.random.default_rng(0)
    ids, windows = rng.integers(3, arguments.vocab, 60_000), Windows(np.arange(0, 60_000, 60), np.full(1000, 60))
    found: dict[str, list[float]] = {form: [] for form in forms}
    with torch_session() as parallel:
        stepping = {}
        for form in forms:
            plan = PretrainConfig(steps=10 * ROUNDS, batch_size=arguments.batch, prompt_share=0.0, device="cpu")
            shape = shape_of(form, arguments.vocab, arguments)
            run = Run.start(np.zeros(arguments.vocab, np.float32), shape, plan, len(ids), None, {})
            stepping[form] = run, run.tasks(ids, windows)
        for turn in range(ROUNDS + 1):
            for form, (run, tasks) in stepping.items():
                begun = time.process_time()
                for _, task in zip(range(2), tasks):
                    run.update(task, parallel)
                if turn:  # the first one warms up
                    found[form].append(2 * arguments.batch * arguments.length / (time.process_time() - begun))
    print(f"{'mixer':32} {'tokens/s':>9} {'lowest':>9} {'highest':>9}")
    for form, measured in sorted(found.items(), key=lambda item: -statistics.median(item[1])):
        print(f"{form:32} {statistics.median(measured):9,.0f} {min(measured):9,.0f} {max(measured):9,.0f}")
        row = {"form": form, "rate": statistics.median(measured), **key_of(arguments, SHAPE)}
        write(arguments.results, row)


# --- runs -------------------------------------------------------------------------------------------------------------


def leaderboard(arguments: argparse.Namespace) -> None:
    """Make the runs that are missing, an even table after each seed, and print the tables."""
    rate = {row["form"]: row["rate"] for row in read(arguments.results, key_of(arguments, SHAPE)) if "rate" in row}
    contestants = arguments.mixers.split(",")
    if unmeasured := [form for form in (REFERENCE, *contestants) if form not in rate]:
        sys.exit(
            f"leaderboard: {arguments.results} has no speed of {', '.join(unmeasured)} at this shape. Measure it "
            f"first, alone on the machine: python -m benchmarks.encoders rates"
        )
    texts = dict(texts_of(arguments))
    for budget, seed, language, form in plan_of(arguments, texts, contestants):
        tokens = tokens_of(budget, form, rate, arguments)
        done = read(arguments.results, key_of(arguments, RUN))
        if not chosen(done, language=language, form=form, seed=seed, tokens=tokens):
            row = texts[language].learn(form, tokens, seed, arguments)
            row |= {"language": language, "form": form, "seed": seed, "tokens": tokens}
            write(arguments.results, row | key_of(arguments, RUN))
    for language, text in texts.items():
        show(language, text, rate, contestants, arguments)


def plan_of(
    arguments: argparse.Namespace, texts: dict[str, Text], contestants: list[str]
) -> Iterator[tuple[str, int, str, str]]:
    """Budget, seed, language and form of each run, what decides first."""
    for budget in arguments.budgets.split(","):
        for seed in range(arguments.seeds):
            for language in texts:
                for form in contestants:
                    yield budget, seed, language, form


def tokens_of(budget: str, form: str, rate: dict[str, float], arguments: argparse.Namespace) -> int:
    """How many tokens a form reads: all the same, or as many as it can while the reference reads those."""
    steps = arguments.tokens / (arguments.batch * arguments.length)
    share = 1.0 if budget == "tokens" else rate[form] / rate[REFERENCE]
    return round(steps * share) * arguments.batch * arguments.length


def texts_of(arguments: argparse.Namespace) -> Iterator[tuple[str, Text]]:
    """The text of each language that is there."""
    for language in arguments.languages.split(","):
        path = arguments.data / "corpora" / f"{language}.txt.xz"
        if path.is_file():
            yield language, Text(path, arguments)
        else:
            print(f"leaderboard {language}: skipped, there is no {path}")


class Text:
    """The text of one language as ids, some of it held out, and the vectors that encoders of it start from."""

    def __init__(self, path: Path, arguments: argparse.Namespace) -> None:
        lines = [line for line in lzma.decompress(path.read_bytes()).decode("utf-8").split("\n") if line]
        step = max(1, sum(len(line.encode()) for line in lines) // arguments.bytes)
        known = train(lines[::step], TokenizerConfig(vocab_size=arguments.vocab))
        ids, starts = known.encode_arrays(lines[::step])
        windows, _ = cut(starts, arguments.length - 2)
        held = np.random.default_rng(0).random(len(windows) - 1) < 0.05
        self.vocab = known.vocab_size
        self.train, self.held = (take(ids, windows, part) for part in (~held, held))
        self.unigram = unigram_of(self.train[0], self.vocab)
        self.piece_bytes = np.array([len(known.id_to_piece(id)) for id in range(self.vocab)])
        self.initial = None
        if arguments.start == "vectors":
            config = vectors.VectorsConfig(dim=arguments.dim)
            self.initial = vectors.train(*self.train, vocab_size=self.vocab, config=config).matrix

    def learn(self, form: str, tokens: int, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
        """Pretrain one encoder and measure it."""
        plan = PretrainConfig(
            budget_tokens=tokens,
            batch_size=arguments.batch,
            learning_rate=arguments.learning_rate,
            prompt_share=0.0,
            seed=seed,
            device="cpu",
        )
        ids, starts = self.train
        with torch_session(seed) as parallel:
            run = Run.start(self.unigram, shape_of(form, self.vocab, arguments), plan, len(ids), self.initial, {})
            run.train(ids, Windows(starts[:-1], np.diff(starts)), None, parallel, silent)
        if run.step < run.steps:
            sys.exit(f"leaderboard: {run.stopped}; the same command goes on from here.")
        found = evaluate(run.result(), *self.held, self.unigram, self.piece_bytes, seed=0)
        assert found is not None
        return {
            "bits": found["loss"],
            "unigram": found["unigram"],
            "held_tokens": found["tokens"],
            "parameters": sum(weight.numel() for weight in run.encoder.parameters()),
        }


def take(ids: np.ndarray, starts: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ids of some rows end to end, and their starts."""
    rows = [ids[begin:end] for begin, end in zip(starts[:-1][part], starts[1:][part])]
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)])


# --- results ----------------------------------------------------------------------------------------------------------


def key_of(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, object]:
    """The arguments that a row depends on."""
    return {name: getattr(arguments, name) for name in names}


def read(results: Path, key: dict[str, object]) -> list[dict]:
    """The rows that were made with these arguments."""
    if not results.is_file():
        return []
    return chosen([json.loads(line) for line in results.read_text().splitlines()], **key)


def chosen(rows: list[dict], **wanted: object) -> list[dict]:
    """The rows that have these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def write(results: Path, row: dict) -> None:
    """Add a row."""
    with results.open("a") as file:
        file.write(json.dumps(row) + "\n")


def show(
    language: str, text: Text, rate: dict[str, float], contestants: list[str], arguments: argparse.Namespace
) -> None:
    """Print one table, the best at equal time first."""
    rows = chosen(read(arguments.results, key_of(arguments, RUN)), language=language)

    def bits(form: str, budget: str) -> list[float]:
        found = chosen(rows, form=form, tokens=tokens_of(budget, form, rate, arguments))
        return [row["bits"] for row in found if row["seed"] < arguments.seeds]

    def cell(values: list[float]) -> str:
        spread = f" ({statistics.pstdev(values):.4f})" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.4f}{spread}" if values else "-"

    print(f"\n{language}: {len(text.train[0]):,} tokens of text, {rows[0]['held_tokens']:,} hidden tokens held out,")
    print(f"{arguments.tokens:,} tokens read, learning rate {arguments.learning_rate}, start from {arguments.start};")
    print(f"frequencies alone {rows[0]['unigram']:.4f} bits per byte; mean (spread) over seeds")
    print(f"{'mixer':32} {'equal time':>17} {'equal tokens':>17} {'tokens/s':>9} {'parameters':>11} seeds")
    first = arguments.budgets.split(",")[0]
    for form in sorted(contestants, key=lambda form: statistics.fmean(bits(form, first))):
        time_bits, token_bits = bits(form, "time"), bits(form, "tokens")
        count = chosen(rows, form=form)[0]["parameters"]
        print(
            f"{form:32} {cell(time_bits):>17} {cell(token_bits):>17} {rate[form]:9,.0f} {count:11,} "
            f"{len(bits(form, first)):5}",
            flush=True,
        )
