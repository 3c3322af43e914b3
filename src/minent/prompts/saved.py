"""Tuned prompts on disk: tables, and the name and digest of the backbone that they belong to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minent import artifacts
from minent.errors import ArtifactError, WrongKindError
from minent.prompts.backbone import AnyBackbone
from minent.prompts.body import Body
from minent.prompts.heads import head_from, tables_of
from minent.prompts.model import PromptModel
from minent.prompts.reparametrize import Table

KIND, FORMAT = "prompts", 2
_AXES = {
    "prompts": "f slots dim",
    "deep": "f later hidden",
    "vectors.vectors": "f classes features",
    "vectors.bias": "f classes",
    "cosine.vectors": "f classes features",
    "cosine.scale": "f one",
    "pieces.tokens": "i classes masks",
}
TABLES, BODY = "tables-{}.safetensors", "backbone-{}.safetensors"


@dataclass(frozen=True)
class State:
    """One tuning as it is saved.

    Attributes:
        options: The arguments of its tuner.
        model: Folded.
        trained_body: Whether its body is another than the backbone's.
        facts: Of the fit.
        measured: Of the fit.
    """

    options: dict[str, Any]
    model: PromptModel
    trained_body: bool
    facts: dict[str, Any]
    measured: dict[str, Any]


def write(
    folder: str | Path, states: Sequence[State], backbone: AnyBackbone, *, ensemble: bool, overwrite: bool
) -> None:
    """Write one tuning, or several on one backbone."""
    config = {
        "backbone": backbone.name,
        "ensemble": ensemble,
        "tunings": [artifacts.plain(state.options) for state in states],
    }
    seeds = {f"fit-{number}": state.options["seed"] for number, state in enumerate(states)}
    with artifacts.writing(folder, kind=KIND, format=FORMAT, config=config, seeds=seeds, overwrite=overwrite) as draft:
        for number, state in enumerate(states):
            artifacts.save_arrays(draft.path / TABLES.format(number), _tables(state.model))
            if state.trained_body:
                artifacts.save_arrays(draft.path / BODY.format(number), _weights(state.model.body))
        draft.facts["tunings"] = [state.facts for state in states]
        draft.measured["tunings"] = [state.measured for state in states]
        draft.inputs["backbone"] = backbone.digest


def read(folder: str | Path, backbone: AnyBackbone | None, *, ensemble: bool) -> tuple[AnyBackbone, list[State]]:
    """Read what `write` wrote, onto the backbone that it was tuned on."""
    folder = Path(folder)
    manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
    if manifest.format < FORMAT:
        raise ArtifactError(f"{folder}: was written by minent {manifest.version} in an older form. Tune it again.")
    wanted, name = manifest.inputs["backbone"], manifest.config["backbone"]
    if backbone is None or backbone.digest != wanted:
        given = "none" if backbone is None else f"{backbone.name!r} with digest {backbone.digest[:12]}"
        raise ArtifactError(
            f"{folder}: was tuned on the backbone {name!r} with digest {wanted[:12]}, but {given} was given. Load that "
            f"backbone and hand it over as the second argument."
        )
    if manifest.config["ensemble"] != ensemble:
        held, reader = ("several tunings", "PromptEnsemble") if not ensemble else ("one tuning", "PromptTuner")
        raise WrongKindError(f"{folder}: holds {held}; {reader}.load reads it.")
    rows = zip(manifest.config["tunings"], manifest.facts["tunings"], manifest.measured["tunings"])
    with artifacts.understood(folder):
        return backbone, [
            _state(folder, manifest, number, options, facts, measured, backbone.body)
            for number, (options, facts, measured) in enumerate(rows)
        ]


def _state(
    folder: Path, manifest: artifacts.Manifest, number: int, options: dict, facts: dict, measured: dict, body: Body
) -> State:
    tables = artifacts.load_arrays(manifest.file(folder, TABLES.format(number)))
    trained = BODY.format(number) in manifest.files
    if trained:
        arrays = artifacts.load_arrays(folder / BODY.format(number))
        body = copy.deepcopy(body)
        body.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()}, False)
    axes = {name: axes for name, axes in _AXES.items() if name in tables} | {"prompts": _AXES["prompts"]}
    later = len(tables["prompts"]) * (len(body.layers()) - 1)
    artifacts.check_shapes(tables, axes, dim=body.dim, hidden=body.hidden_dim, later=later)
    plain = {name: torch.from_numpy(tables.pop(name)) for name in ("prompts", "deep", "offset") if name in tables}
    model = PromptModel(
        body,
        Table(plain["prompts"]),
        head_from(tables),
        deep=Table(plain["deep"]) if "deep" in plain else None,
        offset=plain.get("offset"),
        pooled=facts["head"] == "pooled",
    )
    return State(options, model.requires_grad_(False).eval(), trained, facts, measured)


def _tables(model: PromptModel) -> dict[str, np.ndarray]:
    found = {"prompts": model.prompts().detach().numpy(), **tables_of(model.head)}
    if model.deep is not None:
        found["deep"] = model.deep().detach().numpy()
    if model.offset is not None:
        found["offset"] = model.offset.numpy()
    return found


def _weights(body: Body) -> dict[str, np.ndarray]:
    """Every weight and running number of a body, those that it holds under two names once."""
    kept = {**dict(body.named_parameters()), **dict(body.named_buffers())}
    return {name: kept[name].detach().numpy().copy() for name in body.state_dict() if name in kept}
