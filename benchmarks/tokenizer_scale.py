"""Does training stay linear in time and bounded in memory as the text grows?

    python -m benchmarks.tokenizer_scale [--megabytes 125 250 500 1000] [--vocab-size 32000]

The corpora of `benchmarks.tokenizer` are repeated, each time in another seeded order and with seeded edits (every
thirtieth character of a block is replaced by another one of the block), and streamed to the trainer, which reads them
once. Each size runs in a process of its own. Printed: seconds, seconds without the making of the text, and peak memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.tokenizer import CORPORA, MIX, Texts, blocks_of


def edited(block: str, draw: random.Random) -> str:
    """The block with some of its characters replaced by others of it."""
    characters = list(block)
    for i in draw.sample(range(len(block)), len(block) // 30):
        characters[i] = block[draw.randrange(len(block))]
    return "".join(characters)


def repeated(blocks: Texts, megabytes: float, seed: int = 0) -> Iterator[str]:
    """So much text: the blocks as they are, then over and over in other orders and edited."""
    draw, size = random.Random(seed), 0
    order = list(range(len(blocks)))
    first = True
    while True:
        draw.shuffle(order)
        for i in order:
            text = blocks[i] if first else edited(blocks[i], draw)
            size += len(text.encode())
            yield text
            if size >= megabytes * 1e6:
                return
        first = False


def measure(megabytes: float, vocab_size: int) -> dict[str, float]:
    """Train on so much text in this process."""
    from minent.tokenizer import TokenizerConfig, train

    train(["warm up the loops\n" * 20], TokenizerConfig(vocab_size=300))
    blocks = [block for corpus in MIX for block in blocks_of(corpus)]
    begun = time.perf_counter()
    for _ in repeated(blocks, megabytes):
        pass
    making = time.perf_counter() - begun
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    made = train(repeated(blocks, megabytes), TokenizerConfig(vocab_size=vocab_size))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "making": making, "before": before, "peak": peak, "sampled": made.facts["sampled"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[125.0, 250.0, 500.0, 1000.0])
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--one", action="store_true", help="measure one size in this process; print JSON")
    arguments = parser.parse_args()
    if not CORPORA.is_dir():
        print(f"skipped: the corpora are not at {CORPORA}")
        return
    if arguments.one:
        print(json.dumps(measure(arguments.megabytes[0], arguments.vocab_size)))
        return
    print("      MB  sampled   train s  without making   peak MB (of it held before: texts, libraries)")
    for megabytes in arguments.megabytes:
        command = [sys.executable, "-m", "benchmarks.tokenizer_scale", "--one", "--megabytes", str(megabytes)]
        made = subprocess.run([*command, "--vocab-size", str(arguments.vocab_size)], capture_output=True, check=True)
        row = json.loads(made.stdout)
        print(
            f"{megabytes:8.0f} {row['sampled']:8.3f} {row['seconds']:9.1f} {row['seconds'] - row['making']:15.1f} "
            f"{row['peak']:9.0f} ({row['before']:.0f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
