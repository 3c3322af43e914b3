"""The model as an ONNX graph: ids in, label and calibrated probabilities out.

    input_ids int64 (texts, length)  ->  label string (texts,), probabilities float32 (texts, classes)

Every operator is of the standard set. `TfIdfVectorizer` counts the n-grams of ids; padding (id 0) and unknown units
(id 1) stand in none. Weights of 8 bits stay so in the file.

Source: onnx.ai/onnx/operators, TfIdfVectorizer (opset 9), DequantizeLinear (opset 13).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.classifier.exporting.ngrams import Ngrams
from minent.classifier.linear import LinearModel
from minent.errors import MissingExtraError

if TYPE_CHECKING:
    import onnx

_OPSET, _IR = 17, 8  # of 2022, so that runtimes of today and of some years ago read it


def write(folder: Path, model: LinearModel, ngrams: Ngrams, classes: Sequence[str]) -> None:
    """Write `model.onnx` into a folder; see `build`."""
    (folder / "model.onnx").write_bytes(build(model, ngrams, classes).SerializeToString(deterministic=True))


def build(model: LinearModel, ngrams: Ngrams, classes: Sequence[str]) -> onnx.ModelProto:
    """Return the graph.

    Args:
        model: The linear model.
        ngrams: Its n-grams in ids.
        classes: The labels, in the order of its columns; they stand in the graph and, as JSON, in its metadata.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtraError("onnx is not installed; pip install 'minent[onnx]' brings it.") from error
    graph = _Graph()
    rows, scale = _rows(graph, model, ngrams)
    scores = graph.node("Mul", graph.node("MatMul", rows, _weights(graph, model, ngrams)), scale)
    bias, temperature = graph.constant(model.bias), graph.constant(np.float32(model.temperature))
    sharpened = graph.node("Div", graph.node("Add", scores, bias), temperature)
    graph.node("Softmax", sharpened, output="probabilities", axis=-1)
    best = graph.node("ArgMax", "probabilities", axis=-1, keepdims=0)
    labels = graph.constant(np.array(classes, dtype=object))
    graph.node("Gather", labels, best, output="label")
    inside = helper.make_graph(
        graph.nodes,
        "minent",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "length"])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["texts"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["texts", len(classes)]),
        ],
        graph.constants,
    )
    made = helper.make_model(inside, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="minent")
    made.ir_version = _IR
    helper.set_model_props(made, {"labels": json.dumps(list(classes))})
    onnx.checker.check_model(made)
    return made


class _Graph:
    """Nodes and constants, each named by its number."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | np.generic) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


def _rows(graph: _Graph, model: LinearModel, ngrams: Ngrams) -> tuple[str, str]:
    """The row of each text before its scale, and the scale: what `RowTransform.values` says."""
    one = graph.constant(np.float32(1))
    counts = _counts(graph, ngrams)
    present = graph.node("Min", counts, one)
    if model.transform.kind == "length":
        found = graph.node("ReduceSum", present, graph.constant(np.array([1])), keepdims=1)
        share = graph.node("Div", graph.constant(np.float32(model.transform.length)), found)
        return present, graph.node("Min", share, one)  # of an empty row, 1
    assert model.transform.idf is not None
    weighed = graph.node("Mul", present, graph.constant(model.transform.idf[ngrams.columns]))
    logs = graph.node("Add", graph.node("Log", graph.node("Max", counts, one)), one)
    rows = graph.node("Mul", weighed, logs)
    length = graph.node("ReduceL2", rows, axes=[1], keepdims=1)
    return rows, graph.node("Reciprocal", graph.node("Max", length, graph.constant(np.float32(1e-30))))


def _counts(graph: _Graph, ngrams: Ngrams) -> str:
    sizes = [ids.size for ids in ngrams.ids]
    longest = max(n for n, size in enumerate(sizes, start=1) if size)
    return graph.node(
        "TfIdfVectorizer",
        "input_ids",
        mode="TF",
        min_gram_length=1,
        max_gram_length=longest,
        max_skip_count=0,
        ngram_counts=np.cumsum([0, *sizes[: longest - 1]]).tolist(),
        ngram_indexes=list(range(len(ngrams.columns))),
        pool_int64s=np.concatenate([ids.ravel() for ids in ngrams.ids]).tolist(),
    )


def _weights(graph: _Graph, model: LinearModel, ngrams: Ngrams) -> str:
    """Float weights, or the 8-bit form times its steps and, where there is one, the mixture of classes."""
    packed = model.packed or {}
    if "steps" not in packed:
        return graph.constant(model.weights[ngrams.columns])
    whole, steps = graph.constant(packed["weights"][ngrams.columns]), graph.constant(packed["steps"])
    weights = graph.node("DequantizeLinear", whole, steps, axis=1)
    return graph.node("MatMul", weights, graph.constant(packed["mixture"])) if "mixture" in packed else weights
