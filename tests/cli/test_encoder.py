"""`minent encoder ...`: pretrain, go on, measure."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from minent import corpus, samples
from minent.artifacts import read_manifest
from minent.cli import pretraining
from minent.errors import InputError
from minent.runtime import Progress, silent
from tests.cli.terminal import run

SAMPLE = samples.path("subjectivity")
SMALL = ("--steps", 3, "--dim", 16, "--layers", 1, "--max-length", 32)


@pytest.fixture(scope="module")
def encoder_folder(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "encoder"
    made = run("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", folder, *SMALL)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{folder}: 3 steps, ")
    assert not folder.with_name("encoder.partial").exists()
    return folder


def test_evaluate_says_the_loss_in_bits_per_byte(encoder_folder, tokenizer_folder):
    shown = run("encoder", "evaluate", encoder_folder, tokenizer_folder, SAMPLE / "train-1.jsonl")
    assert (shown.code, shown.err) == (0, "")
    assert " bits per byte on " in shown.out


def test_a_run_that_was_killed_goes_on(encoder_folder, tokenizer_folder, tmp_path, monkeypatch):
    from minent import encoders
    from minent.encoders import PretrainedEncoder

    def killed(*arguments, **options):
        raise RuntimeError("killed while saving")

    command = ("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", tmp_path / "encoder", *SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(PretrainedEncoder, "save", killed)
        with pytest.raises(RuntimeError):
            run(*command)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder.partial"]

    steps = []
    pretrain = encoders.pretrain
    monkeypatch.setattr(
        encoders, "pretrain", lambda *a, **options: pretrain(*a, **options | {"progress": lambda e: steps.append(e)})
    )
    assert run(*command, "--resume").code == 0
    assert not any(event.stage == "pretrain the encoder" and event.done < 3 for event in steps)
    assert read_manifest(tmp_path / "encoder").digest == read_manifest(encoder_folder).digest


def test_wrong_names_cost_one_line(tokenizer_folder, tmp_path):
    texts = SAMPLE / "train-0.jsonl"
    refused = run("encoder", "pretrain", tokenizer_folder, texts, "-o", tmp_path / "e", "--mixer", "gmpl")
    assert refused.code == 2
    assert refused.err.startswith("minent: mixer is 'gmpl'; it takes one of 'attention', 'mlp_mixer', ")
    assert refused.err.endswith(" Did you mean 'gmlp'?\n")
    assert refused.err.count("\n") == 1


def test_vectors_of_words_are_refused_with_the_cure(tokenizer_folder, tmp_path):
    texts = SAMPLE / "train-0.jsonl"
    assert run("vectors", "train", tokenizer_folder, texts, "-o", tmp_path / "words", "--dim", 16).code == 0
    refused = run("encoder", "pretrain", tokenizer_folder, texts, "-o", tmp_path / "e", "--vectors", tmp_path / "words")
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert "holds vectors of words" in refused.err
    assert "--units pieces" in refused.err


# --- recipes ----------------------------------------------------------------------------------------------------------

RECIPE = """
name = "tiny"
[text]
passage_bytes = 90
[tokenizer]
vocab_size = 500
[vectors]
tokens = 3000
window = 3
[encoder]
dim = 16
layers = 1
heads = 2
max_length = 32
[pretrain]
steps = 12
batch_size = 4
held_out = 0.3
checkpoint_seconds = 0
separate_documents = true
[sources.one]
text = "reviews"
licence = "CC BY 4.0"
[card]
cloze = ["the film is {mask}"]
words = ["film"]
"""


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory):
    place = tmp_path_factory.mktemp("recipe")
    (place / "tiny.toml").write_text(RECIPE)
    for name, number in (("one", 0), ("two", 1)):
        texts = corpus.read_texts(SAMPLE / f"train-{number}.jsonl")
        (place / f"{name}.txt").write_text("\n".join(texts) + "\n\nsaid in both of the files here\n")
    return place


def follow(place, *more, output="made"):
    return run("encoder", "pretrain", place / "one.txt", place / "two.txt", "--config", place / "tiny.toml",
               "-o", place / output, *more)  # fmt: skip


def test_a_recipe_makes_all_and_in_pieces_the_same(place):
    whole = follow(place, output="whole")
    assert (whole.code, whole.err) == (0, "")
    assert not (place / "whole.partial").exists()
    assert [line.partition(":")[0] for line in whole.out.splitlines()[1:]] == ["one", "two"]
    tried = follow(place, "--trial", 60)
    assert tried.code == 0
    assert "tokens/s" in tried.out
    assert "the whole run: 12 steps" in tried.out
    assert not (place / "made").exists()
    assert not (place / "made.partial" / "ready").exists()
    first = follow(place, "--resume", "--pause-after", 0)
    assert (first.code, "paused after 1 of 12 steps" in first.out) == (0, True)
    assert read_manifest(place / "made").facts["steps"] == 1  # what was learnt so far is there too
    assert follow(place, "--resume").code == 0
    assert not (place / "made.partial").exists()
    assert read_manifest(place / "made").digest == read_manifest(place / "whole").digest
    facts = read_manifest(place / "whole").facts
    assert set(facts["sources"]) == {"one", "two"}
    told = json.loads((place / "whole" / "recipe.json").read_text())["text"]["read"]
    assert (told["one"]["repeated"], told["two"]["repeated"]) == (0, 1)


def test_a_recipe_with_a_tokenizer_and_another_value(place, tokenizer_folder):
    made = run("encoder", "pretrain", tokenizer_folder, place / "one.txt", "--config", place / "tiny.toml",
               "-o", place / "other", "--set", "encoder.mixer=attention", "--set", "pretrain.steps=2")  # fmt: skip
    assert (made.code, made.err) == (0, "")
    manifest = read_manifest(place / "other")
    assert manifest.config["encoder"]["mixer"] == "attention"
    assert manifest.config["encoder"]["vocab_size"] == read_manifest(tokenizer_folder).facts["vocab_size"]


def test_resuming_another_recipe_is_refused(place):
    assert follow(place, "--trial", 0, output="third").code == 0
    for other in ("text.passage_bytes=50", "vectors.window=2"):
        refused = follow(place, "--resume", "--set", other, output="third")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "leave out --resume to begin anew" in refused.err
    assert follow(place, "--trial", 0, "--set", "text.passage_bytes=50", output="third").code == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "encoder.dimm=4"], "[encoder] has no key 'dimm'. Did you mean 'dim'?"),
        (["--set", "encodr.dim=4"], "there is no section 'encodr'"),
        (["--set", "dim=4"], "it takes section.key=value"),
        (["--set", "text.passage_bytes=x"], "[text] passage_bytes is 'x'"),
        (["--set", "sources.one=4"], "[sources] one is 4"),
        (["--set", "card.words=film"], "it takes lists for 'cloze', 'words'"),
        (["--set", "encoder.mixer=gmpl"], "Did you mean 'gmlp'?"),
        (["--set", "encoder.dim=wide"], "tiny.toml: [encoder] "),
        (["--set", "pretrain.batch_size=0"], "[pretrain] batch_size is 0"),
        (["--vectors", "learnt"], "--vectors stands beside --config, whose recipe learns vectors of its own"),
        (["--dim", 4], "--dim stands beside --config; write --set encoder.dim=... instead."),
    ],
)
def test_a_wrong_recipe_costs_one_line(place, more, message):
    refused = follow(place, *more, output="wrong")
    assert not (place / "wrong.partial").exists()
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert message in refused.err


@pytest.mark.parametrize("more", [("--set", "encoder.dim=16"), ("--trial", 5)])
def test_what_is_about_a_recipe_is_refused_without_one(tokenizer_folder, tmp_path, more):
    refused = run(
        "encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", tmp_path / "e", *SMALL, *more
    )
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"{more[0]} stands without --config, whose recipe it is about" in refused.err


def test_a_trial_says_what_the_curve_says():
    trial, curve = pretraining.Trial(), [{"step": step, "bits": 4.0 - step / 10} for step in range(1, 13)]
    report = trial.told(silent)
    for step in range(1, 13):
        report(Progress("pretrain", step, 24, "steps", "a note for people"))
    shape, plan = SimpleNamespace(max_length=32), SimpleNamespace(batch_size=4)
    trained = SimpleNamespace(config=shape, pretrain_config=plan, measured={"device": "cpu"}, facts={"curve": curve})
    said = trial.sentences(trained, 1000)
    assert said[1].startswith("loss 3.800 bits per byte in the first quarter, 2.900 in the last; -")
    assert said[2].startswith("the whole run: 24 steps")


def test_a_group_waits_for_its_own_first_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")  # as plain torchrun calls every run
    monkeypatch.setenv("MASTER_PORT", "29500")
    pretraining.wait_for(tmp_path, True)
    pretraining.wait_for(tmp_path, False, seconds=0.0)
    monkeypatch.setattr("os.getppid", lambda: 1)
    with pytest.raises(InputError, match="did not make its stages within 0 seconds"):
        pretraining.wait_for(tmp_path, False, seconds=0.0)
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")  # each machine has an agent of its own
    pretraining.wait_for(tmp_path, True)
    monkeypatch.setattr("os.getppid", lambda: 2)
    pretraining.wait_for(tmp_path, False, seconds=0.0)


def test_without_a_tokenizer_or_a_recipe_nothing_can_be_done(place):
    refused = run("encoder", "pretrain", place / "one.txt", "-o", place / "wrong")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "or give a recipe with --config" in refused.err
    twice = run("encoder", "pretrain", place / "one.txt", place / "one.txt", "--config", place / "tiny.toml",
                "-o", place / "wrong")  # fmt: skip
    assert "each of another name" in twice.err


def test_an_encoder_is_shipped_with_its_card(place, tmp_path, monkeypatch):
    assert follow(place, output="source").code == 0
    shown = run("encoder", "ship", place / "source", "-o", tmp_path / "models" / "tiny", "--weights", "int8")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"{tmp_path / 'models' / 'tiny'}: int8, 0.")
    assert "by frequency alone" in shown.out
    assert "1,000 texts of " in shown.out
    monkeypatch.setenv("MINENT_MODELS", str(tmp_path / "models"))
    from minent.encoders import PretrainedEncoder, find_pretrained

    folder = find_pretrained("tiny")
    card = (folder / "README.md").read_text()
    rows = ("| one | reviews | CC BY 4.0 | ", "| two | not stated | not stated | ")
    for line in ("# tiny", *rows, "- the film is {mask}: ", "- film in "):
        assert line in card
    facts = PretrainedEncoder.load(folder).facts
    shipped = facts["shipped"]
    assert shipped["least_cosine"] > 0.95
    for name, row in shipped["bits"].items():
        assert row["float32"] == pytest.approx(facts["sources"][name]["loss"], rel=1e-6)  # as training measured it
        assert row["unigram"] == pytest.approx(facts["sources"][name]["unigram"], rel=1e-6)
        assert row["int8"] == pytest.approx(row["float32"], abs=0.01)
    assert (folder / "curve.csv").read_text().count("\n") == 13
    assert (folder / "curve.svg").read_text().startswith("<svg")


def test_the_card_of_a_causal_encoder_says_what_it_is(place, tmp_path):
    cloze = 'card.cloze=["the film is {mask} at all", "{mask} film"]'
    assert follow(place, "--set", "encoder.causal=true", "--set", cloze, output="causal").code == 0
    assert run("encoder", "ship", place / "causal", "-o", tmp_path / "small", "--weights", "float32").code == 0
    card = (tmp_path / "small" / "README.md").read_text()
    for line in (
        "A causal language model",
        "## Bits per byte of text that",
        "Every token is said from those before it.",
    ):
        assert line in card
    for line in ("masked", "hidden", "{mask}", "at all"):
        assert line not in card
    (said,) = [line for line in card.splitlines() if line.startswith("- the film is ...: ")]
    from minent.encoders import PretrainedEncoder
    from minent.tokenizer import Tokenizer

    encoder, known = PretrainedEncoder.load(place / "causal").encoder, Tokenizer.load(place / "causal" / "tokenizer")
    ids = torch.tensor([known.encode("the film is")])
    with torch.inference_mode():
        likeliest = encoder.logits(encoder(ids, torch.ones_like(ids, dtype=torch.bool)))[0, -1].softmax(-1).topk(5)
    assert [float(part.split()[-1]) for part in said.partition(": ")[2].split(", `")] == pytest.approx(
        likeliest.values.tolist(), abs=0.006
    )


def test_what_is_too_large_or_cannot_be_measured_is_not_shipped(place, encoder_folder, tmp_path):
    assert follow(place, output="large").code == 0
    refused = run("encoder", "ship", place / "large", "-o", tmp_path / "out", "--megabytes", 0.1)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "and 0 are allowed. Pretrain a smaller one" in refused.err
    bare = run("encoder", "ship", encoder_folder, "-o", tmp_path / "out")
    assert "has no held-out.safetensors to be measured on" in bare.err
    assert not (tmp_path / "out").exists()
