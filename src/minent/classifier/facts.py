"""What a fit found, as the plain data that the report draws: deterministic, rounded, and nothing else.

All that is said of accuracy rests on held-out rows: each labelled row is judged, once per repeat, by a pipeline that
saw the other half of the labels only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minent.classifier.calibration import (
    Reliability,
    biases_pay,
    reliability,
    seven_digits,
    temperature_for_confidence,
    temperature_for_labels,
    vector_scaling,
)
from minent.classifier.conformal import Judgements
from minent.classifier.features import document_frequency
from minent.classifier.groundwork import Groundwork
from minent.classifier.ladder import Climb
from minent.classifier.linear import LinearModel, log_softmax
from minent.classifier.members import NaiveBayesEM
from minent.classifier.suggest import choose
from minent.classifier.task import Task

_LISTED = 20
_CLUSTERS, _CLUSTERED = 8, 2000


@dataclass(frozen=True)
class HeldOut:
    """The shipped pipeline on rows it did not see.

    Attributes:
        rows: int64 (judgements,): which labelled row each judgement is about; a row is judged once per repeat.
        probabilities: float64 (judgements, classes), calibrated.
        labels: int64 (judgements,).
        evidence: Where they come from, as a sentence.
        more: What calibration fitted beside a temperature.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    evidence: str
    more: str = ""


def calibrate(climb: Climb, shipped: str) -> tuple[LinearModel, HeldOut]:
    """Set temperature, and biases if they pay, by the held-out scores; without any, for a middling confidence."""
    model = climb.models[shipped]
    if climb.halves is None:
        scores = model.score_counts((climb.pool if len(climb.pool) else climb.gold).counts)
        temperature = temperature_for_confidence(scores, (1 + 1 / climb.classes) / 2)
        none = np.zeros(0, np.int64)
        held_out = HeldOut(none, np.zeros((0, climb.classes)), none, "none: too few labels to hold any out")
        return model.with_temperature(seven_digits(temperature)), held_out
    found = climb.evidence[shipped].held_out
    judged = np.flatnonzero(climb.halves.judged)
    rows = np.tile(judged, len(found))
    scores, labels = found[:, judged].reshape(len(rows), -1), climb.labels[rows]
    bias, method = np.zeros(climb.classes), ""
    if biases_pay(rows, scores, labels):
        temperature, bias = vector_scaling(scores, labels)
        temperature = seven_digits(temperature)
        model, method = model.with_bias(temperature * bias), " and a bias of each class"
    else:
        temperature = seven_digits(temperature_for_labels(scores, labels))
    evidence = (
        f"two-fold cross-validation of the whole pipeline: {len(judged):,} labelled rows, each judged "
        f"{'once' if len(found) == 1 else f'{len(found)} times'} by a model that saw the other half of the labels"
    )
    probabilities = np.exp(log_softmax(scores / temperature + bias))
    return model.with_temperature(temperature), HeldOut(rows, probabilities, labels, evidence, method)


def describe(task: Task, climb: Climb, model: LinearModel, held_out: HeldOut) -> dict[str, Any]:
    """Return all facts of a fit."""
    reliable = reliability(held_out.probabilities, held_out.labels)
    return {
        "task": _task(task, model),
        "ladder": [_rounded(asdict(rung)) for rung in climb.rungs],
        "decision": list(climb.decision),
        "calibration": _calibration(model, held_out, reliable),
        "judgements": Judgements.of(held_out.rows, held_out.probabilities, held_out.labels).facts,
        "confusion": _confusion(task, held_out),
        "learning_curve": _learning_curve(climb),
        **_pieces(climb.gold.work),
        "features": _features(task, climb, model),
        **_rows(task, held_out),
        "suggestions": _suggestions(task, climb, model),
        "clusters": _clusters(climb),
        "sizes": {"features": len(model.vocabulary), "bytes": model.bytes_on_disk},
    }


def _task(task: Task, model: LinearModel) -> dict[str, Any]:
    counts = Counter(task.labels.tolist())
    return {
        "classes": list(task.classes),
        "class_counts": {label: counts[place] for place, label in enumerate(task.classes)},
        "labelled": len(task.texts),
        "unlabelled": len(task.pool),
        "script": model.vocabulary.script,
    }


def _calibration(model: LinearModel, held_out: HeldOut, reliable: Reliability) -> dict[str, Any]:
    return {
        "method": f"temperature{held_out.more} fitted to held-out labels"
        if len(held_out.rows)
        else "temperature for a middling share",
        "temperature": model.temperature,
        "ece": round(reliable.ece, 4) if len(held_out.rows) else None,
        "bins": reliable.bins,
        "evidence": held_out.evidence,
    }


def _confusion(task: Task, held_out: HeldOut) -> dict[str, Any]:
    counts = np.zeros((len(task.classes), len(task.classes)), np.int64)
    np.add.at(counts, (held_out.labels, held_out.probabilities.argmax(axis=1)), 1)
    return {"labels": list(task.classes), "counts": counts.tolist(), "evidence": held_out.evidence}


def _learning_curve(climb: Climb) -> list[dict[str, float]]:
    """Naive Bayes with EM on an eighth and a quarter of the labels, tested on the rest, and the halves of its rung."""
    rung = next((rung for rung in climb.rungs if rung.name == "nb_em" and rung.cv_accuracy is not None), None)
    if climb.halves is None or rung is None or climb.stopped:
        return []
    curve = []
    for share in (8, 4):
        accuracies = []
        for repeat in range(len(climb.halves.pairs)):
            rows = _stratified(climb.labels, share, climb.seed + repeat)
            rest = np.setdiff1d(np.flatnonzero(climb.halves.judged), rows)
            if len(rows) * 3 > len(climb.labels) or not len(rest):
                break
            scorer = NaiveBayesEM().fit(climb.pool, climb.gold[rows], climb.labels[rows], climb.classes, climb.seed)
            accuracies.append((scorer(climb.gold[rest]).argmax(axis=1) == climb.labels[rest]).mean())
        if accuracies:
            curve.append({"labels": len(rows), "accuracy": np.mean(accuracies), "spread": np.std(accuracies)})
    half = len(climb.labels) // 2
    curve.append({"labels": half, "accuracy": rung.cv_accuracy, "spread": rung.cv_spread})
    return [_rounded(point) for point in curve]


def _stratified(labels: np.ndarray, share: int, seed: int) -> np.ndarray:
    """One row in `share` of every class, at least one."""
    random = np.random.default_rng(seed)
    rows_of = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.sort(np.concatenate([random.permutation(rows)[: max(1, len(rows) // share)] for rows in rows_of]))


def _pieces(work: Groundwork) -> dict[str, Any]:
    """The most frequent pieces of the tokenizer, and the plane in which their vectors differ most."""
    if work.vectors is None:
        return {"pieces": [], "map": []}
    from minent import lowrank

    counts = np.bincount(work.all.pieces[0], minlength=work.tokenizer.vocab_size)
    counts[:259] = 0  # special ids and single bytes
    ids = np.argsort(-counts, kind="stable")[:150]
    ids = ids[counts[ids] > 0]
    names = [work.tokenizer.id_to_piece(int(piece)).decode("utf-8", "replace") for piece in ids]
    listed = [{"piece": name, "count": int(counts[piece])} for name, piece in zip(names, ids)]
    if len(ids) < 3:
        return {"pieces": listed, "map": []}
    vectors = work.vectors.matrix[ids]
    plane = lowrank.svd(vectors - vectors.mean(axis=0), rank=2, seed=work.seed)
    places = plane.u * plane.s
    return {
        "pieces": listed[:40],
        "map": [{**entry, "x": round(float(x), 3), "y": round(float(y), 3)} for entry, (x, y) in zip(listed, places)],
    }


def _features(task: Task, climb: Climb, model: LinearModel) -> dict[str, Any]:
    """The n-grams that speak for each class, by how much they move its score over the texts at hand."""
    seen = document_frequency(climb.gold.work.all.counts, len(model.vocabulary))
    contrast = model.weights - model.weights.mean(axis=1, keepdims=True)
    features = {}
    for place, label in enumerate(task.classes):
        best = np.argsort(-contrast[:, place] * np.sqrt(seen), kind="stable")[:_LISTED]
        features[label] = [
            {"feature": model.vocabulary.features[column], "weight": round(float(contrast[column, place]), 4)}
            for column in best
            if contrast[column, place] > 0
        ]
    return features


def _rows(task: Task, held_out: HeldOut) -> dict[str, Any]:
    """Labelled rows that were judged wrongly, and those whose own label looks unlikely."""
    errors, suspects = [], []
    for row in np.unique(held_out.rows):
        probability = held_out.probabilities[held_out.rows == row].mean(axis=0)
        label, said = int(task.labels[row]), int(probability.argmax())
        if said != label:
            text = task.texts[row]
            shared = {"text": text, "label": task.classes[label]}
            errors.append(
                {**shared, "predicted": task.classes[said], "probability": round(float(probability[said]), 4)}
            )
            own = round(float(probability[label]), 4)
            suspects.append({**shared, "suggested": task.classes[said], "probability": own})
    errors.sort(key=lambda row: (-row["probability"], row["text"]))
    suspects.sort(key=lambda row: (row["probability"], row["text"]))
    unlikely = [row for row in suspects if row["probability"] < 0.5 / len(task.classes)]
    return {"errors": errors[:_LISTED], "suspects": unlikely[:_LISTED]}


def _suggestions(task: Task, climb: Climb, model: LinearModel) -> list[dict[str, Any]]:
    """What to label next, of the pool."""
    known = set(task.texts)
    rows = np.array([row for row, text in enumerate(climb.pool.texts) if text not in known], np.int64)
    if not len(rows):
        return []
    unlabelled = climb.pool[rows]
    probabilities = np.exp(log_softmax(model.score_counts(unlabelled.counts) / model.temperature))
    picked = choose(unlabelled.latent, climb.gold.latent, probabilities, _LISTED)
    return [
        {
            "text": unlabelled.texts[row],
            "label": task.classes[int(probabilities[row].argmax())],
            "probability": round(float(probabilities[row].max()), 4),
        }
        for row in picked
    ]


def _clusters(climb: Climb) -> list[dict[str, Any]]:
    """What the texts are about, without any label: soft clusters of the latent coordinates, the largest first."""
    from minent.capsules import SoftKMeans

    view = climb.gold.work.all
    rows = np.random.default_rng(climb.seed).permutation(len(view))[:_CLUSTERED]
    points = np.asarray(view.latent[np.sort(rows)], np.float64)
    texts = [view.texts[row] for row in np.sort(rows)]
    wanted = min(_CLUSTERS, len(points) // 10)
    if wanted < 2 or not points.shape[1]:
        return []
    found = SoftKMeans(wanted, metric="cosine", n_init=2, seed=climb.seed).fit(points)
    apart = found.transform(points)
    clusters = []
    for place in range(wanted):
        size = int((found.labels_ == place).sum())
        nearest = np.argsort(apart[:, place], kind="stable")[:3]
        share = round(size / len(points), 4)
        clusters.append({"size": size, "share": share, "examples": [texts[row][:200] for row in nearest]})
    return sorted(clusters, key=lambda cluster: (-cluster["size"], cluster["examples"]))


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(float(v), 4) if isinstance(v, (float, np.floating)) else v for name, v in row.items()}
