"""How fast does a tokenizer encode and decode, beside the peers, in one run?

    python -m benchmarks.tokenizer_encode [--slow-peers] [--rounds N] [--size N] [--keep FOLDER]

Question: megabytes of UTF-8 per second of CPU, one thread, text that crosses spaces, from `str` to arrays or lists;
microseconds of one short string; ids decoded per second; the gain of all cores; seconds from a fresh process to its
first ids. Every figure is the median of rounds in which all take their turn, with the lowest and highest; a ratio is
the median of the ratios of the rounds. The documents are the test split of `benchmarks.tokenizer`, which nothing was
trained on. Peers get them in the same calls: sentencepiece's unigram model, with white space kept and (`-x`) across
spaces; HF tokenizers' byte BPE with tiktoken on that very vocabulary; and bytepiece on the pieces of our `faithful`
training, which are its own. All are trained here at one size on the training split, minutes for sentencepiece, and kept
in `--keep`. One string alone is asked for by each tool's call for one string. Answers are checked first:
ours gives back every text, and equals a plain-Python twin.

Goals: arrays at least 5 times sentencepiece unigram on every slice, lists at least 3 times; a string of 20 characters
at most 5 microseconds more than tiktoken; decoding at least 50 million ids per second; first ids under 0.3 s; a file
of 100,000 pieces loaded in under 20 ms.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.tokenizer import CORPORA, TOOLS, split_of
from minent.tokenizer import Tokenizer, TokenizerConfig, plain, train


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=32_000)
    parser.add_argument("--slow-peers", action="store_true", help="tiktoken, HF and bytepiece too")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "minent-tokenizer-encode")
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = "1"  # before HF's first use of its threads
    if not CORPORA.is_dir():
        print(f"skipped: the corpora are not at {CORPORA}")
        return
    folder = arguments.keep / str(arguments.size)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "minent").is_dir():
        train(training_texts(), TokenizerConfig(vocab_size=arguments.size)).save(folder / "minent")
    ours = Tokenizer.load(folder / "minent")
    slices = split_of("test")
    check(ours, slices)
    peers = {"minent arrays": Peer(ours.encode_arrays), "minent lists": Peer(ours.encode_batch, ours.encode)}
    peers |= sentencepiece_peers(folder, arguments.size)
    if arguments.slow_peers:
        peers |= bpe_peers(folder / "bpe.json", arguments.size) | bytepiece_peer(arguments.size)
    os.environ["MINENT_THREADS"] = "1"
    throughput(peers, slices, arguments.rounds)
    short_strings(peers, slices["en"][0][:20], arguments.rounds)
    decoding(ours, slices, arguments.rounds)
    all_cores(ours, slices, arguments.rounds)
    cold(folder / "minent", arguments.rounds)


class Peer(NamedTuple):
    """How a tool encodes a batch on one thread, and one string."""

    batch: Callable
    one: Callable | None = None


def check(ours: Tokenizer, slices: dict[str, list[str]]) -> None:
    """Every text comes back, and a part has the ids of the plain twin."""
    for name, texts in slices.items():
        ids, starts = ours.encode_arrays(texts)
        assert ours.decode(ids) == "".join(texts), name
        assert plain.segment(texts[0].encode(), ours._links) == ids[: starts[1]].tolist(), name


def training_texts() -> list[str]:
    return [text for part in split_of("train").values() for text in part]


def sentencepiece_peers(folder: Path, size: int) -> dict[str, Peer]:
    """Its own lists, for a batch on one thread."""
    if importlib.util.find_spec("sentencepiece") is None:
        print("sentencepiece: skipped, it is not installed")
        return {}
    import sentencepiece

    peers: dict[str, Peer] = {}
    for name in ("sp-unigram", "sp-unigram-x"):
        path = folder / name / "model.model"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            TOOLS[name][1](training_texts(), size, path.parent)
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        print(f"sentencepiece {sentencepiece.__version__}, {name}: {model.vocab_size():,} pieces")
        peers[name] = Peer(lambda texts, model=model: model.encode(texts, num_threads=1), model.encode)
    return peers


def bpe_peers(path: Path, size: int) -> dict[str, Peer]:
    """HF tokenizers, and tiktoken on the merges that HF learnt; both split text by their usual pattern."""
    if any(importlib.util.find_spec(name) is None for name in ("tokenizers", "tiktoken")):
        print("tokenizers and tiktoken: skipped, they are not installed")
        return {}
    import tiktoken
    import tokenizers

    if not path.is_file():
        learn_bpe(path, size)
    bpe = tokenizers.Tokenizer.from_file(str(path))
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    ranks = tiktoken_ranks(json.loads(path.read_text())["model"]["vocab"], letters)
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    encoding = tiktoken.Encoding("bench", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    print(f"tokenizers {tokenizers.__version__}, tiktoken {tiktoken.__version__}, {bpe.get_vocab_size():,} pieces")
    one = encoding.encode_ordinary
    return {
        "tiktoken": Peer(lambda texts: [one(text) for text in texts], one),
        "HF tokenizers BPE": Peer(
            lambda texts: [found.ids for found in bpe.encode_batch_fast(texts)], lambda text: bpe.encode(text).ids
        ),
    }


def learn_bpe(path: Path, size: int) -> None:
    """Byte BPE as GPT-2 learns it."""
    import tokenizers

    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False)
    bpe.train_from_iterator(iter(training_texts()), trainer)
    bpe.save(str(path))


def bytepiece_peer(size: int) -> dict[str, Peer]:
    """Its own encoder on the pieces that it would learn itself, for which our `faithful` takes less time."""
    if importlib.util.find_spec("bytepiece") is None:
        print("bytepiece: skipped, it is not installed")
        return {}
    import bytepiece

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        train(training_texts(), TokenizerConfig(vocab_size=size, faithful=True, min_count=8)).to_bytepiece(path)
        made = bytepiece.Tokenizer(path)
    print(f"bytepiece {bytepiece.__version__ if hasattr(bytepiece, '__version__') else '0.6.3'}, {size:,} pieces")
    return {"bytepiece": Peer(lambda texts: [made.encode(text) for text in texts], made.encode)}


def tiktoken_ranks(vocab: dict[str, int], letters: list[str]) -> dict[bytes, int]:
    """The pieces as bytes: GPT-2 writes the printable bytes of Latin-1 as themselves, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    assert set(letters) == set(byte_of)
    ordered = sorted(vocab.items(), key=lambda item: item[1])
    return {bytes(byte_of[letter] for letter in piece): rank for rank, (piece, _) in enumerate(ordered)}


def timed(call: Callable, *given: object, least: float = 0.0) -> float:
    """Seconds of a call; of several in a row, if one takes less than `least`, as a large batch would be encoded."""
    begun, calls = time.process_time(), 0
    while True:
        call(*given)
        calls += 1
        taken = time.process_time() - begun
        if taken >= least:
            return taken / calls


def line(name: str, values: list[float], unit: str, digits: int = 1) -> None:
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"  {name:32} {middle:9.{digits}f} {unit}  ({low:.{digits}f} to {high:.{digits}f})", flush=True)


def throughput(peers: dict[str, Peer], slices: dict[str, list[str]], rounds: int) -> None:
    """MB/s of each on every slice, and ratios to sentencepiece of the same round."""
    for slice_name, texts in slices.items():
        size = sum(len(text.encode()) for text in texts)
        for peer in peers.values():
            peer.batch(texts[:40])
        seconds = {name: [] for name in peers}
        for _ in range(rounds):
            for name, peer in peers.items():
                seconds[name].append(timed(peer.batch, texts, least=0.1))
        print(f"encode {slice_name}, {len(texts)} documents, {size / 1e6:.2f} MB")
        for name, taken in seconds.items():
            line(name, [size / one / 1e6 for one in taken], "MB/s")
        for base in (name for name in seconds if not name.startswith("minent")):
            for name in ("minent arrays", "minent lists"):
                ratios = [theirs / ours for ours, theirs in zip(seconds[name], seconds[base])]
                line(f"{name} / {base}", ratios, "times")


def short_strings(peers: dict[str, Peer], text: str, rounds: int) -> None:
    """Microseconds of one string of 20 characters."""
    print(f"one string of {len(text)} characters: {text!r}")
    for name, one in ((name, peer.one) for name, peer in peers.items() if peer.one is not None):
        one(text)
        values = [timed(lambda one=one: [one(text) for _ in range(5000)]) / 5000 * 1e6 for _ in range(rounds)]
        line(name, values, "us", 2)


def decoding(ours: Tokenizer, slices: dict[str, list[str]], rounds: int) -> None:
    """Million ids per second, to bytes."""
    ids = np.concatenate([ours.encode_arrays(texts)[0] for texts in slices.values()])
    print(f"decode {len(ids):,} ids to bytes")
    for name, given in (("minent, array", ids), ("minent, list", ids.tolist())):
        ours.decode_bytes(given)
        line(name, [len(ids) / timed(lambda given=given: ours.decode_bytes(given)) / 1e6 for _ in range(rounds)], "M/s")


def all_cores(ours: Tokenizer, slices: dict[str, list[str]], rounds: int) -> None:
    """How much sooner all cores are done, by the clock, on a batch and on one long text."""
    cores = len(os.sched_getaffinity(0))
    batch = [text for texts in slices.values() for text in texts] * 6
    print(f"{cores} cores against one")
    for name, texts in (("batch", batch), ("one text", ["".join(batch)])):
        taken: dict[int, list[float]] = {1: [], cores: []}
        for threads in [1, cores] * (rounds + 1):
            os.environ["MINENT_THREADS"] = str(threads)
            begun = time.perf_counter()
            ours.encode_arrays(texts)
            taken[threads].append(time.perf_counter() - begun)
        line(name, [a / b for a, b in zip(taken[1][1:], taken[cores][1:])], "times", 2)


FIRST = """
import sys, time
begun = time.perf_counter()
from minent.tokenizer import Tokenizer
imported = time.perf_counter()
tokenizer = Tokenizer.load(sys.argv[1])
loaded = time.perf_counter()
tokenizer.encode("so it goes, and so it went on")
print(imported - begun, loaded - imported, time.perf_counter() - loaded)
"""


def cold(folder: Path, rounds: int) -> None:
    """Seconds of a fresh process, its kernels not compiled, until its first ids."""
    whole, parts = [], []
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        for _ in range(rounds):
            begun = time.perf_counter()
            run = subprocess.run(
                [sys.executable, "-c", FIRST, str(folder)], capture_output=True, text=True, check=True, env=environment
            )
            whole.append(time.perf_counter() - begun)
            parts.append([1000 * float(part) for part in run.stdout.split()])
    print("a fresh process, no kernel compiled")
    line("start to first ids", whole, "s", 3)
    for name, values in zip(("import", "load", "first encode"), zip(*parts)):
        line(name, list(values), "ms")


if __name__ == "__main__":
    main()
