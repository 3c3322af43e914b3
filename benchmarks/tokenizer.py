"""Which tokenizer writes unseen text with the fewest tokens, at equal vocabulary, and what does it cost to train?

    python -m benchmarks.tokenizer [--sizes 8000 32000 100000] [--tools minent bytepiece ...] [--megabytes 18]

One vocabulary is trained on a mix of Chinese, English, Python code, French and 250 other languages, and measured on
text of each that is not in the mix: bytes per token, the more the better. Of every corpus each tenth group of blocks is
the test split, another tenth the validation split, on which our options were chosen; neither is ever trained on. Every
tool runs in a process of its own, on the same texts of about 8 kB, and must give the text back. Peak memory is that of
the process and its children, the texts (about 40 MB) included.

Peers run as their users would run them on such text: sentencepiece with identity normalisation, byte fallback and
white space kept (`-x`: pieces may cross spaces), Hugging Face BPE on bytes with the pattern of GPT-2 or of cl100k,
bytepiece with min_count 8 and a process for each core. `bytepiece-minent` is our `faithful=True`: the pieces of
bytepiece at a fraction of its time, checked by the golden tests. `minent-weights` uses what peers have not: a weight
for each source, and `thorough`.

Needs the extra `peers`, where bytepiece wants pyahocorasick built for bytes:

    AHOCORASICK_BYTES=1 pip install --no-binary pyahocorasick pyahocorasick bytepiece==0.6.3
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from minent.runtime import thread_count

CORPORA = Path(__file__).parents[2] / "shared/data/corpora"
MIX = {"zh": 7.0, "en": 4.5, "code": 2.5, "fr": 2.5, "multilingual-udhr": 1.5}  # megabytes of 18
HELD_OUT = {"validation": 3, "test": 7}  # which tenth
HELD_OUT_MEGABYTES = 0.8
WEIGHTS = {"en": 1.2, "code": 0.55, "multilingual-udhr": 1.4}  # of `minent-weights`; chosen on the validation split
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
Texts = list[str]
Counter = Callable[[str], int]  # how many tokens a text takes


# --- the texts --------------------------------------------------------------------------------------------------------


def blocks_of(corpus: str) -> Texts:
    """A corpus in blocks of about 8 kB that end with a line; of the many languages 2 kB, as each has little text."""
    with lzma.open(CORPORA / f"{corpus}.txt.xz") as file:
        data = file.read()
    step, found, begin = 2_000 if corpus.startswith("multi") else 8_000, [], 0
    while begin < len(data):
        end = data.find(b"\n", min(begin + step, len(data))) + 1 or len(data)
        found.append(data[begin:end].decode())
        begin = end
    return found


def drawn(texts: Texts, megabytes: float, seed: int) -> Texts:
    """Some of the texts, as many as fill the megabytes, in their order."""
    total, chosen = 0.0, []
    for i in np.random.default_rng(seed).permutation(len(texts)).tolist():
        if total >= megabytes * 1e6:
            break
        total += len(texts[i].encode())
        chosen.append(i)
    return [texts[i] for i in sorted(chosen)]


def split_of(name: str, megabytes: float = 18.0) -> dict[str, Texts]:
    """The texts of each corpus: to train on, of the validation or of the test split."""
    found = {}
    for corpus, share in MIX.items():
        blocks, group = blocks_of(corpus), 1 if corpus.startswith("multi") else 8
        tenths = [i // group % 10 for i in range(len(blocks))]
        if name == "train":
            rest = [block for block, tenth in zip(blocks, tenths) if tenth not in HELD_OUT.values()]
            found[corpus] = drawn(rest, share * megabytes / 18, seed=0)
        else:
            held_out = [block for block, tenth in zip(blocks, tenths) if tenth == HELD_OUT[name]]
            found[corpus] = drawn(held_out, HELD_OUT_MEGABYTES, seed=1)
    return found


# --- the tools: texts, size and a folder in; a counter of tokens out --------------------------------------------------


def minent(texts: Texts, size: int, folder: Path, weights: list[float] | None = None, **options) -> Counter:
    from minent.tokenizer import TokenizerConfig, train

    made = train(texts, TokenizerConfig(vocab_size=size, **options), weights=weights)
    assert made.decode(made.encode(texts[0])) == texts[0]
    return made.count


def minent_in_lines(texts: Texts, size: int, folder: Path) -> Counter:
    return minent(texts, size, folder, cross_lines=False)


def minent_weighted(texts: Texts, size: int, folder: Path, weights: list[float] | None = None) -> Counter:
    return minent(texts, size, folder, weights, thorough=True)


def minent_as_bytepiece(texts: Texts, size: int, folder: Path) -> Counter:
    from minent.tokenizer import TokenizerConfig, train

    return train(texts, TokenizerConfig(vocab_size=size, faithful=True, min_count=8)).count


def bytepiece(texts: Texts, size: int, folder: Path) -> Counter:
    from bytepiece import Tokenizer, Trainer

    class Corpus:
        def __iter__(self) -> Iterator[str]:
            yield from texts

    trainer = Trainer(order=6, max_vocab_size=size, min_count=8)
    trainer.train(Corpus(), workers=thread_count(), batch_size=100)
    trainer.save(str(folder / "model"))
    made = Tokenizer(str(folder / "model"))
    return lambda text: len(made.encode(text))


def sentencepiece(texts: Texts, size: int, folder: Path, kind: str, **options) -> Counter:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "model"),
        vocab_size=size,
        model_type=kind,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        add_dummy_prefix=False,
        max_sentence_length=1 << 20,
        num_threads=thread_count(),
        minloglevel=2,
        **options,
    )
    made = sentencepiece.SentencePieceProcessor(model_file=str(folder / "model.model"))
    assert made.decode(made.encode(texts[0])) == texts[0]
    return lambda text: len(made.encode(text))


def sentencepiece_bpe(texts: Texts, size: int, folder: Path) -> Counter:
    return sentencepiece(texts, size, folder, "bpe")


def sentencepiece_unigram(texts: Texts, size: int, folder: Path) -> Counter:
    return sentencepiece(texts, size, folder, "unigram")


def sentencepiece_unigram_x(texts: Texts, size: int, folder: Path) -> Counter:
    return sentencepiece(texts, size, folder, "unigram", split_by_whitespace=False)


def huggingface_bpe(texts: Texts, size: int, folder: Path, pattern: str | None = None) -> Counter:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    if pattern is None:
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size - 3, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(iter(texts), trainer)
    return lambda text: len(made.encode(text, add_special_tokens=False).ids)


def huggingface_bpe_cl100k(texts: Texts, size: int, folder: Path) -> Counter:
    return huggingface_bpe(texts, size, folder, CL100K)


TOOLS: dict[str, tuple[str, Callable[[Texts, int, Path], Counter]]] = {
    "minent": ("minent", minent),
    "minent-weights": ("minent", minent_weighted),
    "minent-lines": ("minent", minent_in_lines),
    "bytepiece-minent": ("minent", minent_as_bytepiece),
    "bytepiece": ("bytepiece", bytepiece),
    "sp-bpe": ("sentencepiece", sentencepiece_bpe),
    "sp-unigram": ("sentencepiece", sentencepiece_unigram),
    "sp-unigram-x": ("sentencepiece", sentencepiece_unigram_x),
    "hf-bpe": ("tokenizers", huggingface_bpe),
    "hf-bpe-cl100k": ("tokenizers", huggingface_bpe_cl100k),
}


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(tool: str, size: int, megabytes: float, split: str) -> dict[str, float]:
    """Train once, in this process; ours and the compiled loops of it are warmed up on a few lines first."""
    make = TOOLS[tool][1]
    parts = split_of("train", megabytes)
    texts = [text for part in parts.values() for text in part]
    weights = [WEIGHTS.get(corpus, 1.0) for corpus, part in parts.items() for _ in part]
    more = {"weights": weights} if tool == "minent-weights" else {}
    if TOOLS[tool][0] == "minent":
        with tempfile.TemporaryDirectory() as folder:
            make(["warm up the loops\n" * 20], 300, Path(folder))
    held_out = split_of(split)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        count = make(texts, size, Path(folder), **more)
        seconds = time.perf_counter() - begun
        peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        rates = {
            corpus: sum(len(text.encode()) for text in part) / sum(map(count, part))
            for corpus, part in held_out.items()
        }
    return {
        "seconds": seconds,
        "megabytes": peaks[0] + (thread_count() * peaks[1] if tool == "bytepiece" else 0),
        **rates,
    }


def table(size: int, rows: dict[str, dict[str, float]]) -> Iterator[str]:
    """The rows of one size, and how far ours is before the best peer of each column."""
    yield f"{size:,} ids".ljust(20) + "train s   MB" + "".join(f"{corpus[:12]:>14}" for corpus in MIX)
    for tool, row in rows.items():
        rates = "".join(f"{row[corpus]:14.3f}" for corpus in MIX)
        yield f"{tool:20}{row['seconds']:7.1f}{row['megabytes']:6.0f}{rates}"
    peers = [row for tool, row in rows.items() if not tool.startswith("minent")]
    for tool in (name for name in rows if name.startswith("minent") and peers):
        leads = [rows[tool][corpus] / max(row[corpus] for row in peers) - 1 for corpus in MIX]
        yield f"{tool + ' over the best peer':33}" + "".join(f"{100 * lead:+13.1f}%" for lead in leads)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8_000, 32_000, 100_000])
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=[tool for tool in TOOLS if tool != "bytepiece"])
    parser.add_argument("--megabytes", type=float, default=18.0, help="of the training mix")
    parser.add_argument("--split", choices=HELD_OUT, default="test")
    parser.add_argument("--one", action="store_true", help="measure one tool and size in this process; print JSON")
    arguments = parser.parse_args()
    if not CORPORA.is_dir():
        print(f"skipped: the corpora are not at {CORPORA}")
        return
    if arguments.one:
        print(json.dumps(measure(arguments.tools[0], arguments.sizes[0], arguments.megabytes, arguments.split)))
        return
    for size in arguments.sizes:
        rows = {}
        for tool in arguments.tools:
            if importlib.util.find_spec(TOOLS[tool][0]) is None:
                print(f"{tool}: skipped, {TOOLS[tool][0]} is not installed")
                continue
            command = [sys.executable, "-m", "benchmarks.tokenizer", "--one", "--tools", tool, "--sizes", str(size)]
            command += ["--megabytes", str(arguments.megabytes), "--split", arguments.split]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                print(f"{tool}: failed: {made.stderr.strip().splitlines()[-1]}")
                continue
            rows[tool] = json.loads(made.stdout.splitlines()[-1])
        print("\n".join(table(size, rows)), flush=True)


if __name__ == "__main__":
    main()
