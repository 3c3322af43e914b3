"""Templates, verbalizers, reparametrizations and the scatter: the parts of P-tuning by themselves."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from minent.encoders import MIXERS, Encoder, EncoderConfig
from minent.errors import InputError
from minent.prompts.body import Body, EncoderBody
from minent.prompts.heads import CosineHead, PieceHead, VectorHead, WordHead, head_from, piece_table, probe, tables_of
from minent.prompts.losses import Weights, adversarial_loss, divergence_both_ways, word_loss
from minent.prompts.model import PromptModel, body_copy, embed
from minent.prompts.reparametrize import REPARAMETRIZATIONS, Table
from minent.prompts.rows import Assembler, Batch, Rows
from minent.prompts.starts import prompt_start
from minent.prompts.template import parse
from minent.prompts.training import Schedule, train, weight_states
from minent.prompts.verbalizer import averaging, telling_words, tokens_of
from tests.prompts import reference

CONFIG = EncoderConfig(vocab_size=128, dim=16, layers=2, heads=2, max_length=24, prompt_slots=4)


def encode(text: str) -> np.ndarray:
    return np.array([ord(letter) for letter in text], dtype=np.int64)


def letters_on(body: Body) -> SimpleNamespace:
    """A backbone whose tokens are letters."""
    several = {"encode": encode, "encode_batch": lambda texts: [encode(text) for text in texts]}
    return SimpleNamespace(body=body, name="letters", spaces_lead=False, **several)


def fresh_body(**changes: object) -> EncoderBody:
    torch.manual_seed(0)
    return EncoderBody(Encoder(EncoderConfig(**(vars(CONFIG) | changes))).eval(), known_slots=4)


@pytest.mark.parametrize(
    ("template", "kinds"),
    [
        ("{p*4}{mask}{p*4}{text}", "slots mask slots text"),
        ("{text}{p}{mask}", "text slots mask"),
        ("It is {mask} . {p*2}{text}!", "words mask words slots text words"),
        ("{start}{p:It was}{text} or {text_b}{end}{mask}", "start slots text words text_b end mask"),
        ("{text}", "text"),
    ],
)
def test_templates(template: str, kinds: str) -> None:
    parsed = parse(template)
    assert [part.kind for part in parsed.parts] == kinds.split()
    assert parsed.takes_pairs == ("text_b" in kinds)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{mask}", r"\{text\} stands 0 times"),
        ("{mask}{mask}{text}", r"\{mask\} stands 2 times"),
        ("{text_b}{text_b}{text}", r"\{text_b\} stands 2 times"),
        ("{mask}{tetx}", "Did you mean 'text'"),
        ("{mask}{text}{p*0}", r"\{p\*0\} is no field"),
        ("{mask}{text}{p: }", r"\{p: \} is no field"),
        ("{mask}{text", "brace '{' has no partner"),
        ("{}{mask}{text}", r"\{\} is no field"),
    ],
)
def test_a_wrong_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(template)


def test_slots_are_numbered_and_the_text_is_shortened_never_the_prompt() -> None:
    letters, template = letters_on(fresh_body()), parse("{p*2}a{mask}{text}{p:b}b")
    assembler = Assembler.of(template, letters)
    rows = assembler.rows(["xy", "", "z" * 99], letters, template)
    found = [rows.ids[begin:end].tolist() for begin, end in pairwise(rows.starts)]
    assert found[0] == [129, 130, 97, 128, 120, 121, 131, 98]
    assert found[1] == [129, 130, 97, 128, 131, 98]
    assert found[2] == [129, 130, 97, 128, *[122] * 18, 131, 98]
    assert rows.places.tolist() == [[3], [3], [3]]
    assert rows.is_text.sum() == 2 + 0 + 18
    assert rows.whole.tolist() == [2, 0, 99]
    assert assembler.anchors.tolist() == [-1, -1, 98]
    with pytest.raises(InputError, match="takes 25 tokens and a row holds 24"):
        Assembler.of(parse("{p*24}{mask}{text}"), letters)


@pytest.mark.parametrize(
    ("pair", "kept"), [(("a" * 9, "b" * 9), (5, 5)), (("a" * 9, "b"), (9, 1)), (("a" * 20, "b" * 3), (7, 3))]
)
def test_of_a_pair_the_longer_text_is_cut_first(pair: tuple[str, str], kept: tuple[int, int]) -> None:
    letters, template = letters_on(fresh_body()), parse("{text}{mask}{text_b}")
    ids = Assembler.of(template, letters, max_length=11).rows([pair], letters, template).ids.tolist()
    assert (ids.count(97), ids.count(98)) == kept


def test_a_mask_for_each_piece_stands_where_the_template_says() -> None:
    letters, template = letters_on(fresh_body()), parse("{text}{mask}!")
    rows = Assembler.of(template, letters, masks=3).rows(["ab", "abcd"], letters, template)
    assert rows.places.tolist() == [[2, 3, 4], [4, 5, 6]]
    assert (rows.ids == 128).sum() == 6


def test_verbalizers() -> None:
    tokens = tokens_of(["bad", "no"], {"no": ["xyz", "n"], "bad": "q"}, encode, must_differ=True)
    assert [[ids.tolist() for ids in several] for several in tokens] == [[[113]], [[120, 121, 122], [110]]]
    assert averaging(tokens, 128)[1, [110, 120]].tolist() == pytest.approx([1 / 2, 1 / 6])
    assert [len(several[0]) for several in tokens_of(["12", "21"], None, encode, must_differ=False)] == [2, 2]


def test_telling_words_are_likely_for_one_class_and_no_other() -> None:
    rng = np.random.default_rng(0)
    likely = rng.normal(size=(3, 40))
    likely[0, [5, 6]] += 9
    likely[1, [7, 8]] += 9
    likely[2, [9, 30]] += 9
    likely[:, 20] += 50  # likely for all: says nothing
    able = np.arange(40) != 30
    means = likely - np.log(np.exp(likely).sum(axis=1, keepdims=True))
    found = telling_words(means, able, count=2)
    assert [set(ids.tolist()) for ids in found[:2]] == [{5, 6}, {7, 8}]
    assert 9 in found[2]
    assert 30 not in found[2]
    assert len(set(np.concatenate(found).tolist())) == 6
    with pytest.raises(InputError, match="has 2 words, too few"):
        telling_words(means, np.arange(40) < 2)


@pytest.mark.parametrize(
    ("verbalizer", "message"),
    [
        ({"12": "a"}, "no words for '21'"),
        ({"12": "a", "21": "b", "112": "c"}, "words for '112', but no text has that label. Did you mean '12'"),
        ({"12": "a", "21": ""}, "the words of '21' have no token"),
        ({"12": "on", "21": "no"}, "the words of '12' and '21' have the same tokens"),
        (None, "the words of '12' and '21' have the same tokens"),
    ],
)
def test_a_wrong_verbalizer_is_refused(verbalizer: dict | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tokens_of(["12", "21"], verbalizer, encode, must_differ=True)


@pytest.fixture(params=MIXERS, name="body")
def _body(request: pytest.FixtureRequest) -> EncoderBody:
    return fresh_body(mixer=request.param)


def model_of(body: Body, tokens: list[list[int]], *, learned: bool = False) -> PromptModel:
    words = WordHead(torch.from_numpy(averaging([[np.array(ids)] for ids in tokens], 128)))
    start = body.lookup(torch.tensor([70, 71, 72])).detach()
    return PromptModel(body, Table(start), words.fold(body) if learned else words)


def one_row(*ids: int) -> Batch:
    row = torch.tensor([ids])
    place = torch.tensor([[ids.index(128)]])
    return Batch(row, torch.ones_like(row, dtype=torch.bool), place, row < 128)


def test_the_scatter_agrees_with_loops(body: EncoderBody) -> None:
    rng = np.random.default_rng(0)
    ids, prompts = rng.integers(0, 134, (3, 9)), rng.normal(size=(5, 16)).astype(np.float32)
    found = embed(body, torch.from_numpy(prompts), torch.from_numpy(ids)).detach().numpy()
    assert np.array_equal(found, reference.scatter(body.encoder.embedding.weight.detach().numpy(), prompts, ids, 128))


@torch.inference_mode()
def test_prompts_that_copy_words_change_nothing(body: EncoderBody) -> None:
    encoder = body.encoder
    encoder.output_bias.uniform_(-1, 1)
    words = torch.tensor([[70, 71, 128, 72, 40, 41]])
    hidden = encoder(words, torch.ones_like(words, dtype=torch.bool))[0, 2]
    logits = encoder.logits(hidden)
    wanted = torch.stack([logits[5], (logits[6] + logits[7]) / 2])
    model, batch = model_of(body, [[5], [6, 7]]), one_row(129, 130, 128, 131, 40, 41)
    torch.testing.assert_close(model.scores(batch)[0], wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(model.fold(body).scores(batch)[0], wanted, atol=1e-6, rtol=0)
    table, bias = encoder.embedding.weight.numpy(), encoder.output_bias.numpy()
    assert float(wanted[1]) == pytest.approx(reference.mean_token_score(hidden.numpy(), table, bias, [6, 7]), abs=1e-6)


@pytest.mark.parametrize("name", REPARAMETRIZATIONS)
def test_a_reparametrization_starts_at_the_given_vectors_and_learns(name: str) -> None:
    torch.manual_seed(0)
    start = torch.randn(3, 8) * 0.02
    module = REPARAMETRIZATIONS[name](start)
    assert torch.equal(module(), start) != name.startswith("paper")
    goal, optimiser = torch.randn(3, 8) * 0.02, torch.optim.Adam(module.parameters(), lr=1e-3)
    before = (module() - goal).square().sum().item()
    for _ in range(100):
        optimiser.zero_grad()
        loss = (module() - goal).square().sum()
        loss.backward()
        optimiser.step()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in module.parameters())
    assert loss < 0.1 * before


def test_prompts_start_where_they_are_told() -> None:
    body, table = fresh_body(), None
    table = body.encoder.embedding.weight.detach()
    free, names = np.full(6, -1), np.array([7, 8, 9, 10])
    assert torch.equal(prompt_start(body, free, names, "auto"), table[[129, 130, 131, 132, 129, 130]])
    assert torch.equal(prompt_start(body, free, names, "names"), table[[7, 8, 9, 10, 7, 8]])
    mean = prompt_start(body, free, names, "mean")
    assert (mean - table[:129].mean(dim=0)).abs().max() < 0.5 * table.std()
    assert len({tuple(row) for row in mean.tolist()}) == 6
    drawn = prompt_start(body, free, names, "random")
    assert all((row == table).all(dim=1).any() for row in drawn)
    mixed = prompt_start(body, np.array([-1, 50, -1]), names, "names")
    assert torch.equal(mixed, table[[7, 50, 9]])
    empty = EncoderBody(Encoder(CONFIG), known_slots=0)
    with pytest.raises(InputError, match="pretraining gave this backbone none"):
        prompt_start(empty, free, names, "slots")


# --- heads ------------------------------------------------------------------------------------------------------------


def test_a_mask_for_each_piece_agrees_with_loops() -> None:
    body, rng = fresh_body(), np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(4, 3, 16)).astype(np.float32))
    tokens = [[np.array([5])], [np.array([6, 7, 8])], [np.array([9, 5])]]
    found = PieceHead(piece_table(tokens))(features, body).detach().numpy()
    logits = body.logits(features).detach().numpy().astype(np.float64)
    for row in range(4):
        for column, (ids,) in enumerate(tokens):
            assert found[row, column] == pytest.approx(reference.piece_score(logits[row], ids.tolist()), abs=1e-5)


def test_heads_come_back_from_their_tables() -> None:
    body = fresh_body()
    features = torch.randn(3, 2, 16)
    heads = [
        VectorHead(torch.randn(2, 16), torch.randn(2)),
        CosineHead(torch.randn(2, 16), torch.tensor([1.5])),
        PieceHead(torch.tensor([[4, 5], [6, -1]])),
    ]
    for head in heads:
        assert torch.equal(head_from(tables_of(head))(features, body), head(features, body))


def test_the_probe_is_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = (rng.normal(size=(60, 5)) + 3 * np.eye(3, 5)[labels]).astype(np.float32)
    centred = rows - rows.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=1).mean())
    fitted = LogisticRegression(C=10, tol=1e-8, max_iter=1000).fit(centred / length, labels)
    vectors, bias = probe(torch.from_numpy(rows), torch.from_numpy(labels), 3, penalty=1 / (2 * 10 * 60))
    scores = rows @ vectors.numpy().T + bias.numpy()
    wanted = fitted.decision_function(centred / length)
    np.testing.assert_allclose(
        scores - scores.mean(1, keepdims=True), wanted - wanted.mean(1, keepdims=True), atol=0.02
    )


# --- losses -----------------------------------------------------------------------------------------------------------


def test_the_distance_of_two_readings_agrees_with_loops() -> None:
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    found = divergence_both_ways(first, second).item()
    assert found == pytest.approx(reference.divergence_both_ways(first.numpy(), second.numpy()), abs=1e-6)
    assert divergence_both_ways(first, first).item() == 0


def test_hostile_noise_moves_the_opinion_more_than_any_drawn_noise() -> None:
    model, batch = model_of(fresh_body(), [[5], [6, 7]]), one_row(129, 130, 128, 131, 40, 41, 42)
    model.double()  # the differences are small
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    found = adversarial_loss(model, batch, [0]).item()
    embeddings = model.embeddings(batch).detach()
    opinion = torch.log_softmax(model.scores(batch, embeddings), dim=-1).detach()
    size = (embeddings * batch.is_text[:, :, None]).norm()
    moved = []
    for seed in range(50):
        noise = torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(seed)) * batch.is_text[:, :, None]
        other = torch.log_softmax(model.scores(batch, embeddings + 0.1 * size * noise / noise.norm()), dim=-1)
        moved.append((opinion.exp() * (opinion - other)).sum().item())
    assert found > max(moved) > 0


@pytest.mark.parametrize("causal", [False, True])
def test_only_words_of_the_text_are_asked_for(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    body = fresh_body(causal=causal)
    seen = []
    monkeypatch.setattr(body, "logits", lambda features: seen.append(features) or torch.zeros(len(features), 128))
    ids = torch.tensor([[129, 130, 98, 128, 97, 97, 97, 97, 97, 97, 0]])
    batch = Batch(ids, ids > 0, torch.tensor([[3]]), ids == 97)
    loss = word_loss(model_of(body, [[5], [6]]), batch, np.random.default_rng(3))
    assert loss.item() == pytest.approx(np.log(128), abs=1e-5)
    assert len(seen[0]) == 6 if causal else 0 < len(seen[0]) < 6


# --- training ---------------------------------------------------------------------------------------------------------


def rows_of(*texts: str) -> Rows:
    letters, template = letters_on(fresh_body()), parse("{p*2}{mask}{p}{text}")
    return Assembler.of(template, letters).rows(texts, letters, template)


ROWS, GOALS = rows_of("ab", "cd", "abc", "dcc", "bb", "d", "ba", "cc"), np.array([0, 1, 0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("mode", "learned", "trained"),
    [
        ("prompts", False, {"prompts.table"}),
        ("prompts", True, {"prompts.table", "head.vectors", "head.bias"}),
        ("all", True, {"prompts.table", "head.vectors", "head.bias", "body"}),
        ("staged", True, {"prompts.table", "head.vectors", "head.bias", "body"}),
    ],
)
def test_exactly_the_stated_weights_change_and_the_rest_keeps_every_bit(
    mode: str, learned: bool, trained: set[str]
) -> None:
    body = fresh_body()
    model = model_of(body_copy(body, dropout=0.0), [[97], [99]], learned=learned)
    model.head.requires_grad_(True)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    how = Schedule(mode=mode, steps=4, batch_size=4, weight_decay=0.5)
    states = weight_states(model, how)
    train(model, ROWS, GOALS, how, map, lambda event: None)
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert {"body" if name.startswith("body.") else name for name in changed} == trained
    if "body" in trained:
        assert {name for name in before if name.startswith("body.")} - changed == {"body.encoder.output_bias"}
    assert {part["name"].removesuffix(".*") for part in states if part["state"].startswith("trained")} == trained
    assert sum(part["numbers"] for part in states) == sum(weight.numel() for weight in model.parameters())
    expected = {"prompts": "frozen", "all": "trained at 0.0005", "staged": "trained at 0.0005 from step 3"}[mode]
    assert next(part["state"] for part in states if part["name"] == "body.*") == expected


def test_staged_is_prompts_only_until_half() -> None:
    seen = []
    model = model_of(body_copy(fresh_body(), dropout=0.0), [[97], [99]], learned=True)
    first = model.body.encoder.embedding.weight.detach().clone()
    how = Schedule(mode="staged", steps=6, batch_size=4, body_rate=1e-2)
    train(model, ROWS, GOALS, how, map, lambda _: seen.append(torch.equal(model.body.encoder.embedding.weight, first)))
    assert seen == [True, True, True, False, False, False]


def test_each_group_has_its_own_rate() -> None:
    moved = {}
    for name, rates in {"prompts.table": {"prompt_rate": 1e-2}, "head.vectors": {"head_rate": 1e-2}}.items():
        model = model_of(body_copy(fresh_body(), dropout=0.0), [[97], [99]], learned=True)
        model.head.requires_grad_(True)
        before = {key: weight.detach().clone() for key, weight in model.named_parameters()}
        zero = {"prompt_rate": 0.0, "head_rate": 0.0, "body_rate": 0.0} | rates
        train(model, ROWS, GOALS, Schedule(mode="all", steps=2, batch_size=8, **zero), map, lambda event: None)
        moved[name] = {key for key, weight in model.named_parameters() if not torch.equal(weight, before[key])}
    assert moved == {"prompts.table": {"prompts.table"}, "head.vectors": {"head.vectors", "head.bias"}}


@pytest.mark.parametrize(
    "weights", [Weights(auxiliary=0.5), Weights(adversarial=0.5), Weights(r_drop=0.5)], ids=["words", "noise", "twice"]
)
def test_each_part_of_the_loss_adds_to_it_and_unlabelled_rows_count(weights: Weights) -> None:
    losses = []
    for how in (Weights(), weights):
        for free in (None, rows_of("dd", "aabb", "c")):
            model = model_of(body_copy(fresh_body(), dropout=0.2), [[97], [99]], learned=True)
            with torch.no_grad():
                model.body.encoder.embedding.weight.mul_(20)  # so that noise and dropout can be seen
            torch.manual_seed(0)
            schedule = Schedule(steps=1, batch_size=8, dropout=0.2, weights=how)
            losses.append(train(model, ROWS, GOALS, schedule, map, lambda event: None, free)[0])
    plain, also_plain, added, with_free = losses
    assert plain == also_plain
    assert added != plain
    assert (with_free != added) == (not weights.r_drop)


def test_running_statistics_follow_the_order_of_the_parts() -> None:
    def last_first(function, parts):
        return [function(part) for part in list(parts)[::-1]][::-1]

    found = []
    for parallel in (map, last_first):
        model = model_of(body_copy(fresh_body(mixer="repmlp"), dropout=0.0), [[97], [99]], learned=True)
        train(model, ROWS, GOALS, Schedule(mode="all", steps=2, batch_size=8), parallel, lambda event: None)
        found.append(model.body.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
