"""Which token mixer learns most from the same text, and from the same time?

    python -m benchmarks.encoders rates
    python -m benchmarks.encoders leaderboard --tokens 200000 --seeds 1
    python -m benchmarks.encoders leaderboard --tokens 1000000 --seeds 3 --mixers gmlp,attention
    python -m benchmarks.encoders speed
    python -m benchmarks.encoders images

`rates`: tokens per second of whole training steps on one thread, all mixers in turn; a minute alone on the machine.

`leaderboard`: every mixer is pretrained by the same recipe on Chinese and on English text, once for the same number of
tokens and once for the same time, namely what `attention` needs for those tokens at the speeds that `rates` found.
Every run has a whole schedule of its own, its learning rate falling to zero at the end of its budget. It starts from
word vectors of its text, as in use. Reported: bits per byte of hidden text that training never saw (15 % hidden; the
same places for all), mean and spread over the seeds, and parameters. Each run is a line of `--results`, and is not
repeated: a stopped table goes on where it was, and load on the machine touches no figure. A short round of all, then a
longer one of the best, costs less than a long one of all.

`speed`: tokens per second of training steps, each mixer against a `torch.nn.TransformerEncoder` with as many layers and
as nearly equal parameters as its feed-forward width allows, one thread, same batch, same masked output, in turn.

`images`: 7 x 7 patches of MNIST digits through the image stem.

The corpora and digits are read from `../shared/data`; without them a part is skipped, and says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.encoders_leaderboard import leaderboard, rates, shape_of
from minent.encoders import MIXERS, Encoder, EncoderConfig, Patches, PretrainConfig
from minent.encoders.evaluation import masked_losses
from minent.encoders.masking import Masked, hide

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="all", choices=["all", *PARTS])
    parser.add_argument("--mixers", default=",".join(forms()), help="comma-separated, such as gmlp,synthesizer/random")
    parser.add_argument("--languages", default="zh,en")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=500_000)
    parser.add_argument("--budgets", default="time,tokens", help="what the leaderboard holds equal")
    parser.add_argument("--learning-rate", type=float, default=PretrainConfig.learning_rate)
    parser.add_argument("--start", choices=["vectors", "random"], default="vectors", help="of the embedding")
    parser.add_argument("--bytes", type=int, default=4_000_000, help="of text in each language")
    parser.add_argument("--vocab", type=int, default=4000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--results", type=Path, default=Path("encoders-leaderboard.jsonl"))
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    os.environ["MINENT_THREADS"] = "1"
    torch.set_num_threads(1)
    for name, part in PARTS.items():
        if arguments.part in ("all", name):
            part(arguments)


def forms() -> list[str]:
    """Every mixer, and the variants of those whose variants are other ideas."""
    names = []
    for name, mixer in MIXERS.items():
        several = name in ("synthesizer", "external_attention")
        names += [f"{name}/{variant}" for variant in mixer.variants] if several else [name]
    return names


# --- speed ------------------------------------------------------------------------------------------------------------


class Transformer(nn.Module):
    """`torch.nn.TransformerEncoder` with the same embedding, places and tied output."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            config.dim, config.heads, width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size + 1 + config.prompt_slots, config.dim)
        self.places = nn.Parameter(torch.randn(config.max_length, config.dim) * 0.02)
        self.layers = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(config.dim), enable_nested_tensor=False)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode a batch."""
        return self.layers(self.embedding(ids) + self.places[: ids.shape[1]], src_key_padding_mask=~mask)

    logits = Encoder.logits


def speed(arguments: argparse.Namespace) -> None:
    """Print tokens per second of training steps, each mixer in turn with torch's encoder of its size, five rounds."""
    vocab, rng = arguments.vocab, np.random.default_rng(0)
    ids = rng.integers(3, vocab, (arguments.batch, arguments.length))
    task = hide(ids, np.full_like(ids, -1), EncoderConfig(vocab_size=vocab), 0.225, rng)
    pairs: dict[str, tuple[Encoder, Transformer]] = {}
    for form in arguments.mixers.split(","):
        config = shape_of(form, vocab, arguments)
        pairs[form] = Encoder(config), equal(config, parameters(Encoder(config)))
    rounds: dict[str, list[tuple[float, float]]] = {form: [] for form in pairs}
    for turn in range(6):
        for form, (ours, theirs) in pairs.items():
            taken = step_seconds(ours, task), step_seconds(theirs, task)
            if turn:  # the first one warms up
                rounds[form].append((ids.size / taken[0], ids.size / taken[1]))
    print(
        f"\nspeed of training steps, one thread, dim {arguments.dim}, {arguments.layers} layers, "
        f"{arguments.batch} x {arguments.length} tokens; torch {torch.__version__}, its encoder of equal size"
    )
    print(f"{'mixer':32} {'tokens/s':>9} {'lowest':>9} {'highest':>9} {'torch':>9} {'ratio':>6} {'parameters':>21}")
    for form, measured in sorted(rounds.items(), key=lambda item: -statistics.median(mine for mine, _ in item[1])):
        mine, other = ([pair[side] for pair in measured] for side in (0, 1))
        ratio = statistics.median(mine) / statistics.median(other)
        sizes = " ".join(f"{parameters(model):10,}" for model in pairs[form])
        print(
            f"{form:32} {statistics.median(mine):9,.0f} {min(mine):9,.0f} {max(mine):9,.0f} "
            f"{statistics.median(other):9,.0f} {ratio:6.2f} {sizes}",
            flush=True,
        )


def equal(config: EncoderConfig, goal: int) -> Transformer:
    """torch's encoder, its feed-forward layer so wide that the weights are as many as wanted."""
    narrow, wide = (parameters(Transformer(config, width)) for width in (1, 2))
    return Transformer(config, max(1, round((goal - narrow) / (wide - narrow)) + 1))


def parameters(model: nn.Module) -> int:
    """How many weights a model has."""
    return sum(weight.numel() for weight in model.parameters())


def step_seconds(model: nn.Module, task: Masked) -> float:
    """Processor seconds of one forward and backward pass."""
    begun = time.process_time()
    masked_losses(model, task).mean().backward()
    taken = time.process_time() - begun
    model.zero_grad()
    return taken


# --- images -----------------------------------------------------------------------------------------------------------


def images(arguments: argparse.Namespace) -> None:
    """Train small classifiers of digits on patches, two passes over the training set."""
    path = DATA / "mnist" / "mnist.npz"
    if not path.is_file():
        print(f"images: skipped, there is no {path}")
        return
    with np.load(path, allow_pickle=False) as file:
        pixels, test = (
            torch.from_numpy(file[f"{part}_images"][:, None] / np.float32(255)) for part in ("train", "test")
        )
        labels, test_labels = (torch.from_numpy(file[f"{part}_labels"].astype(np.int64)) for part in ("train", "test"))
    print("\nMNIST, 16 patches of 7 x 7, dim 64, 4 layers, mean pooling, 2 passes, one seed")
    for form in arguments.mixers.split(","):
        accuracy, seconds = digits(form, pixels, labels, test, test_labels)
        print(f"{form:32} {100 * accuracy:6.2f} % of test digits right, {seconds:5.1f} s of processor", flush=True)


def digits(form: str, pixels: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> tuple[float, float]:
    """Test accuracy of one mixer on digits, and the processor seconds of training."""
    torch.manual_seed(0)
    mixer, _, variant = form.partition("/")
    config = EncoderConfig(
        mixer=mixer, variant=variant, vocab_size=4, dim=64, max_length=16, expansion=2, kernel_size=7
    )
    stem, encoder, head = Patches(28, 7, channels=1, dim=64), Encoder(config), nn.Linear(64, 10)
    weights = [*stem.parameters(), *encoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=2e-3)
    steps = 2 * (len(labels) // 100)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)

    def scores(images: Tensor) -> Tensor:
        return head(encoder(*stem(images)).mean(dim=1))

    begun, order = time.process_time(), torch.cat([torch.randperm(len(labels)) for _ in range(2)])
    for step in range(steps):
        rows = order[step * 100 : (step + 1) * 100]
        optimiser.zero_grad()
        nn.functional.cross_entropy(scores(pixels[rows]), labels[rows]).backward()
        optimiser.step()
        schedule.step()
    taken = time.process_time() - begun
    encoder.eval()
    with torch.inference_mode():
        found = torch.cat([scores(part).argmax(dim=1) for part in test.split(500)])
    return float((found == test_labels).float().mean()), taken


PARTS = {"speed": speed, "images": images, "rates": rates, "leaderboard": leaderboard}

if __name__ == "__main__":
    main()
