"""The slow, obvious twins: naive Bayes with EM, ridge regression and the analyser as plain loops."""

from __future__ import annotations

import math


def binary_rows(texts_features):
    """Each text as `{feature: weight}`: 1 for each feature it has, scaled down to at most 20 in all."""
    rows = []
    for features in texts_features:
        known = set(features)
        weight = min(1.0, 20.0 / len(known)) if known else 0.0
        rows.append(dict.fromkeys(known, weight))
    return rows


def naive_bayes_em(
    pool,
    gold,
    labels,
    classes,
    features,
    *,
    iterations=10,
    pool_weight=20.0,
    smoothing=1.0,
    temper=0.7,
    start=None,
):
    """Return `(log p(feature | class), log p(class))` as lists of lists, from rows as dictionaries."""
    frequency = {f: sum(row.get(f, 0.0) for row in [*pool, *gold]) for f in features}
    floor = 0.01 * max(sum(frequency.values()) / len(features), 1e-9)
    whole = sum(frequency[f] + floor for f in features)
    background = {f: (frequency[f] + floor) / whole for f in features}

    def maximise(posteriors):
        weighted = [(row, _unit(label, classes)) for row, label in zip(gold, labels)] + list(zip(pool, posteriors))
        mass = {f: [sum(row.get(f, 0.0) * p[k] for row, p in weighted) for k in range(classes)] for f in features}
        count = [sum(p[k] for _, p in weighted) for k in range(classes)]
        total = [sum(mass[f][k] for f in features) for k in range(classes)]
        pseudo = smoothing * max(sum(total) / classes, 1e-9)
        log_feature = {
            f: [math.log((mass[f][k] + pseudo * background[f]) / (total[k] + pseudo)) for k in range(classes)]
            for f in features
        }
        log_class = [math.log((count[k] + 1) / (sum(count) + classes)) for k in range(classes)]
        return log_feature, log_class

    def weighed(rows_of_scores):
        weight = min(1.0, pool_weight * len(gold) / len(pool))
        posteriors = []
        for scores in rows_of_scores:
            shifted = [math.exp(score - max(scores)) for score in scores]
            posteriors.append([weight * value / sum(shifted) for value in shifted])
        return posteriors

    def expect(log_feature, log_class):
        joint = [
            [log_class[k] + sum(v * log_feature[f][k] for f, v in row.items()) for k in range(classes)] for row in pool
        ]
        return weighed([[temper * score for score in scores] for scores in joint])

    found = maximise([[0.0] * classes for _ in pool])
    if pool and start is not None:
        found = maximise(weighed(start))
    if pool:
        for _ in range(iterations):
            found = maximise(expect(*found))
    return found


def _unit(label, classes):
    return [1.0 if k == label else 0.0 for k in range(classes)]


def conjugate_gradients(rows, targets, row_weights, penalty, steps):
    """Ridge for one target column, by the textbook recurrence on lists; the bias is the weighted mean."""
    features = range(len(rows[0]))
    bias = sum(w * t for w, t in zip(row_weights, targets)) / sum(row_weights)

    def normal(vector):
        said = [sum(row[f] * vector[f] for f in features) for row in rows]
        back = [sum(w * row[f] * s for w, row, s in zip(row_weights, rows, said)) for f in features]
        return [b + penalty * v for b, v in zip(back, vector)]

    solution = [0.0 for _ in features]
    residual = [sum(w * row[f] * (t - bias) for w, row, t in zip(row_weights, rows, targets)) for f in features]
    direction, norm = list(residual), sum(r * r for r in residual)
    start = norm
    for _ in range(steps):
        if norm <= 1e-20 * start:
            break
        image = normal(direction)
        step = norm / sum(d * i for d, i in zip(direction, image))
        solution = [s + step * d for s, d in zip(solution, direction)]
        residual = [r - step * i for r, i in zip(residual, image)]
        renewed = sum(r * r for r in residual)
        direction = [r + renewed / norm * d for r, d in zip(residual, direction)]
        norm = renewed
    return solution, bias


def mean_confidence(scores, temperature):
    """Mean largest softmax probability, as plain loops."""
    total = 0.0
    for row in scores:
        shifted = [math.exp((score - max(row)) / temperature) for score in row]
        total += max(shifted) / sum(shifted)
    return total / len(scores)
