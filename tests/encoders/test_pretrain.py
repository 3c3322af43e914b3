"""Pretraining: it learns, it repeats itself, it can be stopped and resumed to the very same encoder."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import minent
from minent.encoders import MIXERS, Encoder, EncoderConfig, PretrainConfig, PretrainedEncoder, hardware, pretrain
from minent.encoders.plan import planned_steps
from minent.encoders.pooling import Pooling
from minent.encoders.pretrain import WHOLE, held_out
from minent.encoders.training import Run
from minent.errors import ArtifactError, InputError
from minent.runtime import Progress
from tests.encoders.forms import FORMS, SMALL
from tests.folders import resign, rewrite

SHAPE = EncoderConfig(vocab_size=40, dim=16, layers=2, max_length=32, heads=2)
SHORT = PretrainConfig(steps=6, batch_size=4, checkpoint_seconds=0)


def texts(count: int = 200, length: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Counting modulo 37 from a drawn start: every token follows from its neighbours, none from its frequency."""
    first = np.random.default_rng(0).integers(0, 37, (count, 1))
    ids = 3 + (first + np.arange(length)) % 37
    return ids.astype(np.int32).ravel(), np.arange(0, ids.size + 1, length)


class Stop(Exception):
    """Something else went wrong."""


def stop_at(step: int, error: type[BaseException] = Stop):
    def report(event: Progress) -> None:
        if event.done == step:
            raise error

    return report


@pytest.mark.parametrize("mixer", ["attention", "gmlp", "dynamic_conv"])  # the quick learners among them
def test_it_learns_what_follows_from_the_neighbours(mixer: str) -> None:
    config = PretrainConfig(steps=160, batch_size=8, learning_rate=5e-3, prompt_share=0.1)
    trained = pretrain(*texts(), dataclasses.replace(SHAPE, mixer=mixer), config)
    held_out = trained.facts["held_out"]
    assert held_out["unit"] == "bits per token"
    assert held_out["unigram"] == pytest.approx(np.log2(37), abs=0.1)
    assert held_out["loss"] < 0.9 * held_out["unigram"]
    curve = [point["loss"] for point in trained.facts["curve"]]
    assert curve[-1] < 0.9 * curve[0]
    assert trained.facts["curve"][-1]["step"] == 160


def test_the_same_seed_gives_the_same_encoder_and_torch_is_left_alone() -> None:
    ids, starts = texts()
    before, copy = torch.get_rng_state(), ids.copy()
    first = pretrain(ids, starts, SHAPE, SHORT)
    torch.rand(1)
    second = pretrain(ids, starts, SHAPE, SHORT)
    other = pretrain(ids, starts, SHAPE, dataclasses.replace(SHORT, seed=1))
    assert first.digest == second.digest != other.digest
    assert first.facts == second.facts
    assert np.array_equal(ids, copy)
    assert all(weight.grad is None for weight in first.encoder.parameters())
    torch.set_rng_state(before)
    pretrain(ids, starts, SHAPE, SHORT)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_number_of_threads_does_not_matter(mixer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(0).integers(3, 900, 4000).astype(np.int32)
    starts = np.arange(0, 4001, 40)
    shape = EncoderConfig(mixer=mixer, vocab_size=900, dim=64, layers=1)
    seen = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        trained = pretrain(ids, starts, shape, PretrainConfig(steps=2))
        seen.append((trained.digest, trained.facts, trained.embed(ids, starts).tobytes()))
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("mixer", ["gmlp", "repmlp"])  # the second carries running statistics
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path: Path, error: type[BaseException], mixer: str) -> None:
    shape = dataclasses.replace(SHAPE, mixer=mixer, dropout=0.1)
    averaged = dataclasses.replace(SHORT, ema_decay=0.7)
    unbroken = pretrain(*texts(), shape, averaged)
    folder = tmp_path / "checkpoint"
    if error is Stop:
        with pytest.raises(Stop):
            pretrain(*texts(), shape, averaged, checkpoint=folder, progress=stop_at(3, error))
    else:
        kept = pretrain(*texts(), shape, averaged, checkpoint=folder, progress=stop_at(3, error))
        assert kept.facts["stopped"] == "stopped by the user after 3 of 6 steps"
        assert kept.facts["steps"] == 3
    events: list[Progress] = []
    resumed = pretrain(*texts(), shape, averaged, checkpoint=folder, resume=True, progress=events.append)
    assert [event.done for event in events] == [4, 5, 6]
    assert resumed.digest == unbroken.digest
    assert resumed.facts == unbroken.facts


@pytest.mark.parametrize("mixer", ["gmlp", "repmlp"])
def test_ctrl_c_while_the_gradient_is_computed_saves_the_steps_before(
    tmp_path: Path, mixer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There it falls nearly always. Half of a step is never saved: of repmlp, the running statistics have moved."""
    shape, folder = dataclasses.replace(SHAPE, mixer=mixer), tmp_path / "checkpoint"
    plan = dataclasses.replace(SHORT, checkpoint_seconds=1e9)
    unbroken = pretrain(*texts(), shape, plan)
    with monkeypatch.context() as patch:
        stop_in(patch, Run, "differentiate", step=3)
        kept = pretrain(*texts(), shape, plan, checkpoint=folder)
    assert kept.facts["stopped"] == "stopped by the user after 3 of 6 steps"
    assert folder.exists() is (mixer == "gmlp")
    assert pretrain(*texts(), shape, plan, checkpoint=folder, resume=True).digest == unbroken.digest


def test_ctrl_c_while_the_weights_move_saves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_in(monkeypatch, Run, "follow_average", step=4)
    plan = dataclasses.replace(SHORT, checkpoint_seconds=1e9)
    assert pretrain(*texts(), SHAPE, plan, checkpoint=tmp_path / "checkpoint").facts["stopped"]
    assert not (tmp_path / "checkpoint").exists()


def stop_in(patch: pytest.MonkeyPatch, kind: type, method: str, step: int) -> None:
    """Press Ctrl-C at the end of a method of a run that has made so many steps."""
    whole = getattr(kind, method)

    def broken(run: Run, *arguments: Any) -> Any:
        found = whole(run, *arguments)
        if run.step == step:
            raise KeyboardInterrupt
        return found

    patch.setattr(kind, method, broken)


@pytest.mark.parametrize("separate", [False, True])
def test_a_run_in_pieces_is_the_whole_run(tmp_path: Path, separate: bool) -> None:
    plan = dataclasses.replace(SHORT, ema_decay=0.7, separate_documents=separate)
    unbroken, folder, steps = pretrain(*texts(), SHAPE, plan), tmp_path / "checkpoint", []
    for _ in range(6):
        events: list[Progress] = []
        part = pretrain(*texts(), SHAPE, plan, checkpoint=folder, resume=True, pause_after=0.0, progress=events.append)
        steps += [event.done for event in events]
        if part.facts["stopped"]:
            assert part.facts["stopped"] == f"paused after {steps[-1]} of 6 steps"
    assert steps == [1, 2, 3, 4, 5, 6]
    assert part.digest == unbroken.digest
    assert part.facts == unbroken.facts


def test_texts_that_do_not_see_each_other_teach_otherwise() -> None:
    plan = dataclasses.replace(SHORT, separate_documents=True)
    apart, together = pretrain(*texts(), SHAPE, plan), pretrain(*texts(), SHAPE, SHORT)
    assert apart.digest != together.digest
    again = pretrain(*texts(), SHAPE, dataclasses.replace(plan, recompute=True))
    for name, weight in again.encoder.state_dict().items():
        torch.testing.assert_close(weight, apart.encoder.state_dict()[name], atol=1e-6, rtol=1e-4)


def test_ids_on_disk_train_the_same(tmp_path: Path) -> None:
    ids, starts = texts()
    ids.astype(np.uint16).tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", dtype=np.uint16, mode="r")
    assert pretrain(mapped, starts, SHAPE, SHORT).digest == pretrain(ids, starts, SHAPE, SHORT).digest


def test_another_run_goes_on_from_an_encoder(tmp_path: Path) -> None:
    shape = dataclasses.replace(SHAPE, mixer="dynamic_conv")
    learnt = pretrain(*texts(), shape, dataclasses.replace(SHORT, steps=120, batch_size=8, learning_rate=5e-3))
    before = learnt.digest
    still = pretrain(*texts(), shape, dataclasses.replace(SHORT, steps=1, learning_rate=1e-12), begin=learnt)
    for name, weight in still.encoder.state_dict().items():
        torch.testing.assert_close(weight, learnt.encoder.state_dict()[name], atol=1e-6, rtol=0)
    further = pretrain(*texts(), shape, SHORT, begin=learnt)
    anew = pretrain(*texts(), shape, SHORT)
    assert further.facts["held_out"]["loss"] < anew.facts["held_out"]["loss"] - 0.1
    assert learnt.digest == before == further.inputs["begin"]
    with pytest.raises(InputError, match=r"Give begin\.config"):
        pretrain(*texts(), dataclasses.replace(shape, layers=1), SHORT, begin=learnt)
    with pytest.raises(InputError, match="both given"):
        pretrain(*texts(), shape, SHORT, begin=learnt, initial=np.ones((40, 16)))


def test_every_source_has_its_own_held_out_part() -> None:
    ids, starts = texts(count=400)
    ids[: 200 * 14] = 3 + ids[: 200 * 14] % 5  # the first source is far easier
    plan = dataclasses.replace(SHORT, steps=40, held_out=0.2)
    made = pretrain(ids, starts, SHAPE, plan, sources={"easy": 200, "hard": 200})
    easy, hard = (made.facts["sources"][name] for name in ("easy", "hard"))
    assert easy["loss"] < hard["loss"]
    assert easy["unigram"] < hard["unigram"]
    assert easy["loss"] < made.facts["held_out"]["loss"] < hard["loss"]
    train, kept = held_out(starts, {"easy": 200, "hard": 200}, SHAPE, plan)
    begins = np.concatenate([train.begins, kept["easy"].begins, kept["hard"].begins])
    assert sorted(begins) == starts[:-1].tolist()
    assert sorted(kept[WHOLE].begins) == sorted([*kept["easy"].begins, *kept["hard"].begins])
    assert (np.diff(kept["hard"].begins) == 14).mean() > 0.7  # runs of four neighbours
    with pytest.raises(InputError, match="together are all of them"):
        pretrain(ids, starts, SHAPE, plan, sources={"easy": 200})


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    pretrain(*texts(), SHAPE, SHORT, checkpoint=folder, resume=True)  # nothing there yet: it starts
    with pytest.raises(InputError, match="another config"):
        pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, seed=5), checkpoint=folder, resume=True)
    with pytest.raises(InputError, match="other texts"):
        pretrain(*texts(count=50), SHAPE, SHORT, checkpoint=folder, resume=True)


def test_steps_are_planned_without_a_clock_and_the_clock_is_a_guard() -> None:
    config = PretrainConfig(budget_seconds=100)
    steps = planned_steps(SHAPE, config, tokens=10**9)
    assert planned_steps(SHAPE, dataclasses.replace(config, budget_seconds=200), 10**9) == pytest.approx(
        2 * steps, abs=1
    )
    assert planned_steps(SHAPE, config, tokens=8 * 32) == 12  # max_passes
    assert planned_steps(SHAPE, dataclasses.replace(config, steps=7), tokens=1) == 7
    hurried = PretrainConfig(budget_seconds=1e-3, batch_size=1)
    stopped = pretrain(*texts(), dataclasses.replace(SHAPE, layers=1), hurried)
    assert stopped.facts["stopped"].startswith("stopped by the clock after 1 of")


def test_a_budget_of_tokens() -> None:
    config = dataclasses.replace(SHORT, steps=None, budget_tokens=1000)
    assert planned_steps(SHAPE, config, tokens=1) == 8  # of 4 rows of 32 tokens
    assert pretrain(*texts(), SHAPE, config).facts["steps"] == 8


def test_progress_shows_bits_and_speed() -> None:
    events: list[Progress] = []
    trained = pretrain(*texts(), SHAPE, SHORT, piece_bytes=np.full(40, 2), progress=events.append)
    first = trained.facts["curve"][0]["loss"]
    bits, speed = re.fullmatch(r"([\d.]+) bits per byte, ([\d,]+) tokens/s", events[0].note).groups()
    assert float(bits) == pytest.approx(first / np.log(2) / 2, abs=0.01)
    assert int(speed.replace(",", "")) > 0
    pretrain(*texts(), SHAPE, SHORT, progress=events.append)
    assert "bits per token" in events[-1].note


@pytest.mark.parametrize("mixer", ["gmlp", "attention"])
def test_a_causal_encoder_learns_to_say_the_next_token(mixer: str) -> None:
    config = PretrainConfig(steps=120, batch_size=8, learning_rate=5e-3)
    trained = pretrain(*texts(), dataclasses.replace(SHAPE, mixer=mixer, causal=True), config)
    held_out = trained.facts["held_out"]
    assert held_out["loss"] < 0.8 * held_out["unigram"]
    ends = 1 / 15  # of 14 tokens and the end, which is asked for too
    surprise = -ends * np.log2(ends) - (1 - ends) * np.log2((1 - ends) / 37)
    assert held_out["unigram"] == pytest.approx(surprise, abs=0.1)
    assert held_out["tokens"] > 0.9 * 0.03 * len(texts()[0])  # every token but the first of each row
    row = torch.tensor([[5, 6, 7, 8, 9, 10]])
    said = trained.encoder.logits(trained.encoder(row, row > 0))[0].argmax(dim=-1)
    assert said.tolist()[1:] == [7, 8, 9, 10, 11] or held_out["loss"] > 1


def test_the_average_of_the_weights_is_one() -> None:
    seen: list[np.ndarray] = []
    run = Run.start(np.zeros(40, dtype=np.float32), SHAPE, dataclasses.replace(SHORT, ema_decay=0.5), 100, None, {})
    mean = run.encoder.leave.bias.detach().numpy().copy()
    for step in range(1, 12):
        with torch.no_grad():
            run.encoder.leave.bias += step
        run.step = step
        run.follow_average()
        keep = min(0.5, (1 + step) / (10 + step))
        mean = keep * mean + (1 - keep) * run.encoder.leave.bias.detach().numpy()
        seen.append(run.average.leave.bias.numpy().copy())
    np.testing.assert_allclose(seen[-1], mean, rtol=1e-5)
    learnt = run.result()
    assert torch.equal(learnt.leave.bias, run.average.leave.bias)
    assert learnt.leave.bias.requires_grad
    assert not learnt.training


def test_bfloat16_learns_what_float32_does_and_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for mixer in ("gmlp", "attention", "fnet", "repmlp", "synthesizer", "hypermixer"):
        shape = dataclasses.replace(SHAPE, mixer=mixer)
        whole = pretrain(*texts(), shape, SHORT)
        half = pretrain(*texts(), shape, dataclasses.replace(SHORT, precision="auto"))
        assert half.encoder.embedding.weight.dtype == torch.float32
        assert half.facts["held_out"]["loss"] == pytest.approx(whole.facts["held_out"]["loss"], rel=0.02)
        if hardware.has_bfloat16(torch.device("cpu")):
            assert half.digest != whole.digest
    monkeypatch.setattr(hardware, "has_bfloat16", lambda device: False)
    assert pretrain(*texts(), shape, dataclasses.replace(SHORT, precision="auto")).digest == whole.digest
    with pytest.raises(InputError, match="no instructions for it"):
        pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, precision="bfloat16"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="finds no GPU here"):
        pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_learns_what_the_processor_does() -> None:
    there, here = (pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, device=name)) for name in ("cuda", "cpu"))
    assert there.facts["held_out"]["loss"] == pytest.approx(here.facts["held_out"]["loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": "bfloat"}, "Did you mean 'bfloat16'"),
        ({"device": "gpu"}, "it takes one of 'auto', 'cpu', 'cuda'"),
        ({"ema_decay": 1.0}, "from 0 to below 1"),
        ({"budget_tokens": 0}, "budget_tokens is 0"),
        ({"longest_span": 0}, "longest_span is 0"),
        ({"seed": 0.5}, "seed is 0.5; it takes a whole number"),
        ({"prompt_length": -1}, "prompt_length is -1"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it takes a plain number above 0"),
        ({"budget_seconds": float("nan")}, "budget_seconds is nan"),
        ({"warmup": "short"}, "warmup is 'short'"),
        ({"held_out": 0.95}, "held_out is 0.95; it takes a share from 0 to 0.9"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
    ],
)
def test_a_wrong_plan_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PretrainConfig(**wrong)


def test_bits_per_byte_and_the_initial_vectors() -> None:
    ids, starts = texts()
    initial = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    per_token = pretrain(ids, starts, SHAPE, SHORT, initial=initial)
    per_byte = pretrain(ids, starts, SHAPE, SHORT, initial=initial, piece_bytes=np.full(40, 4))
    assert per_byte.facts["held_out"]["unit"] == "bits per byte"
    assert per_byte.facts["held_out"]["loss"] == pytest.approx(per_token.facts["held_out"]["loss"] / 4)
    still = dataclasses.replace(SHORT, steps=1, learning_rate=1e-12)
    rows = pretrain(ids, starts, SHAPE, still, initial=initial).encoder.embedding.weight.detach().numpy()[:40]
    np.testing.assert_allclose(rows, initial * (0.02 / initial.std(ddof=1)), rtol=1e-5)


def test_features_of_texts() -> None:
    trained = pretrain(*texts(), SHAPE, SHORT)
    rows = [[5, 6, 7], [], [9], list(range(3, 40)) * 3, [5, 6, 7]]
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    starts = np.cumsum([0, *map(len, rows)])
    features = trained.embed(ids, starts)
    assert features.shape == (5, 16)
    assert features.dtype == np.float32
    assert not features[1].any()
    np.testing.assert_allclose(features[0], features[4], atol=1e-6)
    np.testing.assert_allclose(trained.embed(ids[:3], np.array([0, 3]))[0], features[0], atol=1e-5)
    assert trained.embed(ids[:0], np.array([0])).shape == (0, 16)


def test_a_text_vector_is_the_weighted_mean_of_its_windows() -> None:
    trained = pretrain(*texts(), SHAPE, SHORT)
    pooling, ids = trained.pooling, np.array([*range(3, 40), *range(5, 36)], dtype=np.int32)
    total, mass = np.zeros(16), 0.0
    for begin in range(0, len(ids), SHAPE.max_length):
        window = torch.from_numpy(ids[None, begin : begin + SHAPE.max_length].astype(np.int64))
        with torch.inference_mode():
            state = trained.encoder.states(window, torch.ones(window.shape, dtype=torch.bool))[1]
        for token, vector in zip(window[0].tolist(), state[0].double().numpy()):
            total += pooling.weights[token] * vector
            mass += pooling.weights[token]
    wanted = total / mass - pooling.centre
    wanted -= (wanted @ pooling.common) * pooling.common
    np.testing.assert_allclose(trained.embed(ids, np.array([0, len(ids)]))[0], wanted, atol=1e-4)
    assert abs(trained.embed(*texts()).mean(axis=0)).max() < 1e-2  # the centre of the training texts


def test_frequent_tokens_weigh_less() -> None:
    ids = np.array([3] * 90 + [4] * 10, dtype=np.int32)
    weights = pretrain(ids, np.arange(0, 101, 10), SHAPE, SHORT).pooling.weights
    assert weights[3] < weights[4] < weights[5]


def test_load_gives_what_save_had(tmp_path: Path) -> None:
    trained = pretrain(*texts(), SHAPE, SHORT)
    trained.save(tmp_path / "first")
    trained.save(tmp_path / "second")
    loaded = minent.load(tmp_path / "first")
    assert isinstance(loaded, PretrainedEncoder)
    assert (loaded.digest, loaded.config, loaded.pretrain_config) == (trained.digest, SHAPE, SHORT)
    assert (loaded.facts, loaded.measured, loaded.inputs) == (trained.facts, trained.measured, trained.inputs)
    assert [path.name for path in sorted((tmp_path / "first").iterdir())] == [
        "manifest.json",
        "pooling.safetensors",
        "weights.safetensors",
    ]
    assert np.array_equal(loaded.embed(*texts()), trained.embed(*texts()))
    first, second = (minent.artifacts.read_manifest(tmp_path / name) for name in ("first", "second"))
    assert first.digest == second.digest


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_saved_and_loaded(tmp_path: Path, form: str) -> None:
    shape = EncoderConfig(**SMALL, **FORMS[form])
    pooling = Pooling(np.ones(50, np.float32), np.zeros(16, np.float32), np.zeros(16, np.float32))
    made = PretrainedEncoder(Encoder(shape), pooling, SHORT, {})
    made.save(tmp_path / "form")
    assert PretrainedEncoder.load(tmp_path / "form").digest == made.digest


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"vocab_size": 10**7}, r"embedding.weight has the shape \(57, 16\), but this config wants \(10000017, 16\)"),
        ({"layers": 10**9}, "1000000000 layers, but 26 arrays"),
        ({"layers": 3}, r"blocks.2.*has the shape None"),
        ({"layers": 1}, r"blocks.1.*but this config wants None"),
        ({"expansion": 10**5}, "but this config wants"),
    ],
)
def test_a_signed_lie_about_sizes_takes_no_memory(tmp_path: Path, lie: dict[str, int], message: str) -> None:
    pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, steps=1)).save(tmp_path / "encoder")
    config = minent.artifacts.read_manifest(tmp_path / "encoder").config
    rewrite(tmp_path / "encoder", config=config | {"encoder": config["encoder"] | lie})
    with pytest.raises(ArtifactError, match=message):
        PretrainedEncoder.load(tmp_path / "encoder")


def test_a_checkpoint_of_nonsense_is_one_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    pretrain(*texts(), SHAPE, SHORT, checkpoint=folder)
    saved = {path: path.read_bytes() for path in folder.iterdir()}
    for path in sorted(folder.glob("*.safetensors")):
        arrays = minent.artifacts.load_arrays(path)
        name = min(arrays)
        minent.artifacts.save_arrays(path, {**arrays, name: arrays[name][None]})
        resign(folder)
        with pytest.raises(ArtifactError, match="checkpoint: holds what no minent saves"):
            pretrain(*texts(), SHAPE, SHORT, checkpoint=folder, resume=True)
        rewrite(folder, files={})
        with pytest.raises(ArtifactError, match=r"names no 'weights\.safetensors'"):
            pretrain(*texts(), SHAPE, SHORT, checkpoint=folder, resume=True)
        for other, content in saved.items():
            other.write_bytes(content)
    pretrain(*texts(), SHAPE, SHORT, checkpoint=folder, resume=True)


@pytest.mark.parametrize(
    ("arguments", "config", "message"),
    [
        ({}, {"prompt_length": 30}, "prompt_length is 30"),
        ({"initial": np.zeros((3, 16))}, {}, r"\(40, 16\) are needed. Train them on the ids of this tokenizer"),
        ({"initial": np.zeros((40, 8))}, {}, r"\(40, 16\) are needed. Were the vectors trained with this dim"),
        ({"initial": np.full((40, 16), np.nan)}, {}, "finite vectors"),
        ({"piece_bytes": np.ones(3)}, {}, "piece_bytes has shape"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pretrain(*texts(), SHAPE, dataclasses.replace(SHORT, **config), **arguments)


def test_empty_and_tiny_texts() -> None:
    with pytest.raises(InputError, match="ids are empty"):
        pretrain(np.zeros(0, dtype=np.int32), np.array([0, 0]), SHAPE, SHORT)
    tiny = pretrain(np.array([5], dtype=np.int32), np.array([0, 1]), SHAPE, SHORT)
    assert tiny.facts["held_out"] is None
    assert np.isfinite(tiny.embed(np.array([5]), np.array([0, 1]))).all()
    most = dataclasses.replace(SHORT, held_out=0.9)  # of one text, none can be held out
    assert pretrain(np.array([5], dtype=np.int32), np.array([0, 1]), SHAPE, most).facts["train_tokens"] == 1
