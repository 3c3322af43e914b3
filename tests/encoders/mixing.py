"""Each mixer as plain loops over one row: the slow and obvious twins.

A twin takes the mixer's weights by name, the tokens `(length, dim)`, and the config; it returns `(length, dim)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minent.encoders import EncoderConfig
from minent.encoders.mixers.synthesizer import factors
from tests.encoders import reference

Weights = dict[str, np.ndarray]
Twin = Callable[[Weights, np.ndarray, EncoderConfig], np.ndarray]


def below(weights: Weights, name: str) -> Weights:
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}


@np.vectorize
def gelu(x: float) -> float:
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


@np.vectorize
def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def linear(weights: Weights, name: str, vector: np.ndarray) -> np.ndarray:
    return weights[f"{name}.weight"] @ vector + weights.get(f"{name}.bias", 0.0)


def layer_norm(weights: Weights, name: str, vector: np.ndarray) -> np.ndarray:
    centred = (vector - vector.mean()) / np.sqrt(vector.var() + 1e-5)
    return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def place_code(place: int, dim: int) -> np.ndarray:
    angles = [place * 10_000.0 ** (-2 * c / dim) for c in range(dim // 2)]
    return np.array([*map(math.sin, angles), *map(math.cos, angles)])


def sees(i: int, j: int, config: EncoderConfig) -> bool:
    return j <= i or not config.causal


def over_places(weights: Weights, name: str, tokens: np.ndarray, count: int, visible: Callable) -> np.ndarray:
    """A linear map over places, cut to the length."""
    mixed = np.zeros((count, tokens.shape[1]))
    for i in range(count):
        mixed[i] = weights[f"{name}.bias"][i]
        for j in range(len(tokens)):
            if visible(i, j):
                mixed[i] += weights[f"{name}.weight"][i, j] * tokens[j]
    return mixed


def toeplitz(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    weight = weights["mix.weight"].copy()
    if config.causal:
        weight[:, config.max_length :] = 0
    return reference.toeplitz(weight, tokens, config.max_length)


def one_head(
    weights: Weights, tokens: np.ndarray, start: int, width: int, heads: int, config: EncoderConfig
) -> np.ndarray:
    """Head `start` of rotary attention."""
    projected = tokens @ weights["project.weight"].T
    queries, keys, values = (
        projected[:, (part * heads + start) * width : (part * heads + start + 1) * width] for part in range(3)
    )
    if not config.causal:
        return reference.attention(queries, keys, values)
    return np.array(
        [reference.attention(queries[: i + 1], keys[: i + 1], values[: i + 1])[i] for i in range(len(tokens))]
    )


def self_attention(weights: Weights, tokens: np.ndarray, heads: int, config: EncoderConfig) -> np.ndarray:
    width = len(weights["project.weight"]) // (3 * heads)
    found = [one_head(weights, tokens, head, width, heads, config) for head in range(heads)]
    return np.concatenate(found, axis=1) @ weights["out.weight"].T


def attention(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    return self_attention(weights, tokens, config.heads, config)


def mlp_mixer(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    units = config.max_length if config.causal else config.dim // 2
    hidden = gelu(over_places(weights, "enter", tokens, units, lambda unit, j: sees(unit, j, config)))
    return over_places(weights, "leave", hidden, len(tokens), lambda i, unit: sees(i, unit, config))


def feed_forward(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    length, normal = len(tokens), np.zeros_like(tokens)
    for c in range(config.dim):
        column = tokens[:, c]
        centred = (column - column.mean()) / np.sqrt(column.var() + 1e-5)
        normal[:, c] = centred * weights["scale"][:length] + weights["shift"][:length]
    hidden = gelu(over_places(weights, "enter", normal, config.expansion * config.max_length, lambda i, j: True))
    return over_places(weights, "leave", hidden, length, lambda i, j: True)


def resmlp(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    if config.variant == "matrix":
        mixed = over_places(weights, "mix", tokens, len(tokens), lambda i, j: sees(i, j, config))
    else:
        mixed = toeplitz(weights, tokens, config)
    return mixed * weights["scale.weight"]


def gmlp(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    hidden = np.array([gelu(linear(weights, "enter", token)) for token in tokens])
    kept, gate = np.split(hidden, 2, axis=1)
    gate = np.array([layer_norm(weights, "norm", row) for row in gate])
    if config.variant == "matrix":
        gate = over_places(weights, "mix", gate, len(tokens), lambda i, j: sees(i, j, config))
    else:
        gate = toeplitz(weights, gate, config) + weights["bias"]
    if "attention.project.weight" in weights:
        gate = gate + self_attention(below(weights, "attention"), tokens, 1, config)
    return np.array([linear(weights, "leave", row) for row in kept * gate])


def fnet(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    length, dim = tokens.shape
    mixed = np.zeros_like(tokens)
    for i in range(length):
        for k in range(dim):
            for j in range(length):
                for c in range(dim):
                    mixed[i, k] += tokens[j, c] * math.cos(2 * math.pi * (i * j / length + k * c / dim))
    return mixed / math.sqrt(length * dim)


def external_attention(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    scores = np.array([weights["keys"] @ (token + place_code(i, config.dim)) for i, token in enumerate(tokens)])
    if config.variant == "slots":
        return np.array([softmax(row) for row in scores]) @ weights["values"]
    shares = np.array([softmax(column) for column in scores.T]).T
    return np.array([row / row.sum() for row in shares]) @ weights["values"]


def repmlp(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    """In evaluation, where a batch norm is a scale and a shift."""

    def normed(name: str, value: float, group: int, place: int) -> float:
        mean, variance, gain, shift = (
            weights[f"{name}.{key}"][group, place if weights[f"{name}.{key}"].shape[1] > 1 else 0, 0]
            for key in ("running_mean", "running_variance", "weight", "bias")
        )
        return (value - mean) / math.sqrt(variance + 1e-5) * gain + shift

    window = weights["matrix"].shape[1]
    mixed = np.zeros_like(tokens)
    for i in range(len(tokens)):
        begin, place = i - i % window, i % window
        inside = tokens[begin : begin + window]
        for c in range(config.dim):
            group = c * config.heads // config.dim
            total = sum(weights["matrix"][group, place, j] * inside[j, c] for j in range(len(inside)))
            mixed[i, c] = normed("matrix_norm", total, group, place)
            for number in range(3):
                kernel = weights[f"kernels.{number}"][group]
                taps = [(t, place + t - len(kernel) // 2) for t in range(len(kernel))]
                total = sum(kernel[t] * inside[j, c] for t, j in taps if 0 <= j < len(inside))
                mixed[i, c] += normed(f"kernel_norms.{number}", total, group, place)
    inner = np.maximum(0, linear(weights, "gate.0", tokens.mean(axis=0)))
    return mixed * sigmoid(linear(weights, "gate.2", inner))


def convolution(
    weights: Weights, tokens: np.ndarray, config: EncoderConfig, kernel_at: Callable, dilation: int = 1
) -> np.ndarray:
    """GLU in, a kernel for each token and channel, linear out."""
    entered = np.array([linear(weights, "enter", token) for token in tokens])
    values = entered[:, : config.dim] * sigmoid(entered[:, config.dim :])
    middle = config.kernel_size - 1 if config.causal else config.kernel_size // 2
    mixed = np.zeros_like(values)
    for i in range(len(tokens)):
        for c in range(config.dim):
            kernel = kernel_at(values[i], c)
            for t in range(config.kernel_size):
                j = i + (t - middle) * dilation
                if 0 <= j < len(tokens):
                    mixed[i, c] += kernel[t] * values[j, c]
    return np.array([linear(weights, "leave", row) for row in mixed])


def light_conv(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    kernels = [softmax(kernel) for kernel in weights["kernels"]]
    return convolution(weights, tokens, config, lambda value, c: kernels[c * config.heads // config.dim])


def dynamic_conv(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    def kernel_at(value: np.ndarray, c: int) -> np.ndarray:
        group, width = c * config.heads // config.dim, config.kernel_size
        return softmax((weights["predict.weight"] @ value)[group * width : (group + 1) * width])

    return convolution(weights, tokens, config, kernel_at)


def dilated_conv(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    return convolution(weights, tokens, config, lambda value, c: weights["kernels"][c], dilation=2)  # block 1 of them


def synthesizer(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    length, width = len(tokens), config.dim // config.heads

    def dense(part: Weights, i: int, head: int) -> np.ndarray:
        hidden = np.maximum(0, linear(part, "enter", tokens[i]))[head * width : (head + 1) * width]
        return hidden @ part["weight"][head] + part["bias"][head]

    def scores(form: str, number: int, i: int, head: int) -> list[float]:
        part = below(weights, f"scores.{number}")
        if form == "dense":
            return list(dense(part, i, head)[:length])
        if form == "random":
            return list(part["weight"][head, i, :length])
        if form == "factorised_random":
            return [float(part["left"][head, i] @ part["right"][head, j]) for j in range(length)]
        if form == "factorised_dense":
            inner, outer = dense(below(part, "inner"), i, head), dense(below(part, "outer"), i, head)
            size = factors(config.max_length)[0]
            return [inner[j % size] * outer[j // size] for j in range(length)]
        queries, keys = tokens @ part["query.weight"].T, tokens @ part["key.weight"].T
        own = slice(head * width, (head + 1) * width)
        return [float(queries[i, own] @ keys[j, own]) / math.sqrt(width) for j in range(length)]

    form = config.variant or "dense"
    members = ["dense", "random", "dot"] if form == "mixture" else [form]
    shares = softmax(weights["shares"]) if form == "mixture" else [1.0]
    values, mixed = tokens @ weights["value.weight"].T, np.zeros_like(tokens)
    for head in range(config.heads):
        own = slice(head * width, (head + 1) * width)
        for i in range(length):
            total = np.zeros(length)
            for number, (member, share) in enumerate(zip(members, shares)):
                total += share * np.array(scores(member, number, i, head))
            seen = i + 1 if config.causal else length
            mixed[i, own] = softmax(total[:seen]) @ values[:seen, own]
    return mixed @ weights["leave.weight"].T


def hypermixer(weights: Weights, tokens: np.ndarray, config: EncoderConfig) -> np.ndarray:
    def made(name: str) -> np.ndarray:
        placed = [token + place_code(i, config.dim) for i, token in enumerate(tokens)]
        return np.array([linear(weights, f"{name}.2", gelu(linear(weights, f"{name}.0", row))) for row in placed])

    first, second = made("first"), made("second")
    hidden = np.zeros((config.dim, config.dim))
    for unit in range(config.dim):
        for j in range(len(tokens)):
            hidden[unit] += first[j, unit] * tokens[j]
    return np.array([layer_norm(weights, "leave", row @ gelu(hidden)) for row in second])


TWINS: dict[str, Twin] = {
    "attention": attention,
    "mlp_mixer": mlp_mixer,
    "feed_forward": feed_forward,
    "resmlp": resmlp,
    "gmlp": gmlp,
    "amlp": gmlp,
    "fnet": fnet,
    "external_attention": external_attention,
    "repmlp": repmlp,
    "light_conv": light_conv,
    "dynamic_conv": dynamic_conv,
    "dilated_conv": dilated_conv,
    "synthesizer": synthesizer,
    "hypermixer": hypermixer,
}
