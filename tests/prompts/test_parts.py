"""Templates, verbalizers, reparametrizations and the scatter: the parts of P-tuning by themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from minent.encoders import MIXERS, Encoder, EncoderConfig
from minent.errors import InputError
from minent.prompts.model import PromptModel, embed
from minent.prompts.reparametrize import REPARAMETRIZATIONS
from minent.prompts.template import Assembler, parse
from minent.prompts.training import Schedule, train
from minent.prompts.verbalizer import averaging, tokens_of
from tests.prompts import reference

CONFIG = EncoderConfig(vocab_size=128, dim=16, layers=2, heads=2, max_length=24, prompt_slots=4)


def encode(text: str) -> np.ndarray:
    return np.array([ord(letter) for letter in text], dtype=np.int64)


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("{p*4}{mask}{p*4}{text}", (4, None, 4), ()),
        ("{text}{p}{mask}", (), (1, None)),
        ("It is {mask} . {p*2}{text}!", ("It is ", None, " . ", 2), ("!",)),
        ("{mask}{text}", (None,), ()),
    ],
)
def test_templates(template: str, before: tuple, after: tuple) -> None:
    parsed = parse(template)
    assert (parsed.before, parsed.after) == (before, after)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{p*4}{text}", r"\{mask\} stands 0 times"),
        ("{mask}", r"\{text\} stands 0 times"),
        ("{mask}{mask}{text}", r"\{mask\} stands 2 times"),
        ("{mask}{tetx}", "Did you mean 'text'"),
        ("{mask}{text}{p*0}", r"\{p\*0\} is no field"),
        ("{mask}{text", "brace '{' has no partner"),
        ("{}{mask}{text}", r"\{\} is no field"),
    ],
)
def test_a_wrong_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(template)


def test_slots_are_numbered_and_the_text_is_shortened_never_the_prompt() -> None:
    assembler = Assembler.of(parse("{p*2}a{mask}{text}{p}b"), encode, CONFIG)
    ids, starts = assembler.rows([encode("xy"), encode(""), encode("z" * 99)])
    rows = [ids[begin:end].tolist() for begin, end in pairwise(starts)]
    assert rows[0] == [129, 130, 97, 128, 120, 121, 131, 98]
    assert rows[1] == [129, 130, 97, 128, 131, 98]
    assert rows[2] == [129, 130, 97, 128, *[122] * 18, 131, 98]
    with pytest.raises(InputError, match="takes 25 tokens and a row holds 24"):
        Assembler.of(parse("{p*24}{mask}{text}"), encode, CONFIG)


def test_verbalizers() -> None:
    tokens = tokens_of(["bad", "no"], {"no": "xyz", "bad": "q"}, encode, must_differ=True)
    assert [ids.tolist() for ids in tokens] == [[113], [120, 121, 122]]
    assert [len(ids) for ids in tokens_of(["12", "21"], None, encode, must_differ=False)] == [2, 2]


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


@pytest.fixture(params=MIXERS, name="encoder")
def _encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(**(vars(CONFIG) | {"mixer": request.param}))).eval()


def model_of(encoder: Encoder, tokens: list[list[int]], **changes: object) -> PromptModel:
    options = {"train_body": False, "learn_labels": False, "reparametrization": "none"} | changes
    matrix = torch.from_numpy(averaging([np.array(ids) for ids in tokens], 128))
    start = encoder.embedding.weight.detach()[[70, 71, 72]]
    return PromptModel(encoder, start, matrix, **options)  # type: ignore[arg-type]


def test_the_scatter_agrees_with_loops(encoder: Encoder) -> None:
    rng = np.random.default_rng(0)
    ids, prompts = rng.integers(0, 134, (3, 9)), rng.normal(size=(5, 16)).astype(np.float32)
    found = embed(encoder, torch.from_numpy(prompts), torch.from_numpy(ids)).detach().numpy()
    assert np.array_equal(found, reference.scatter(encoder.embedding.weight.detach().numpy(), prompts, ids, 128))


@torch.inference_mode()
def test_prompts_that_copy_words_change_nothing(encoder: Encoder) -> None:
    model = model_of(encoder, [[5], [6, 7]])
    slots = torch.tensor([[129, 130, 128, 131, 40, 41]])
    words = torch.tensor([[70, 71, 128, 72, 40, 41]])
    mask = torch.ones(slots.shape, dtype=torch.bool)
    hidden = encoder(words, mask)[0, 2]
    logits = hidden @ encoder.embedding.weight.T
    wanted = torch.stack([logits[5], (logits[6] + logits[7]) / 2])
    torch.testing.assert_close(model.tuned().scores(slots, mask)[0], wanted, atol=1e-6, rtol=0)
    by_loop = reference.mean_token_score(hidden.numpy(), encoder.embedding.weight.numpy(), [6, 7])
    assert float(wanted[1]) == pytest.approx(by_loop, abs=1e-6)


@pytest.mark.parametrize("name", REPARAMETRIZATIONS)
def test_a_reparametrization_starts_at_the_given_vectors_and_learns(name: str) -> None:
    torch.manual_seed(0)
    start = torch.randn(3, 8) * 0.02
    module = REPARAMETRIZATIONS[name](start)
    assert torch.equal(module(), start)
    goal, optimiser = torch.randn(3, 8) * 0.02, torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(100):
        optimiser.zero_grad()
        loss = (module() - goal).square().sum()
        loss.backward()
        optimiser.step()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in module.parameters())
    assert loss < 0.1 * (start - goal).square().sum()


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, {"prompts.table"}),
        ({"learn_labels": True}, {"prompts.table", "labels", "label_bias"}),
    ],
)
def test_exactly_the_stated_weights_get_gradients(options: dict, trained: set[str]) -> None:
    torch.manual_seed(0)
    encoder = Encoder(CONFIG)
    model = model_of(encoder, [[5], [6, 7]], **options)
    ids = torch.tensor([[129, 130, 128, 131, 40, 41]])
    model.tuned().scores(ids, ids > 0).logsumexp(dim=1).sum().backward()
    touched = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert touched == trained
    assert all(weight.grad is None for weight in encoder.parameters())


def test_the_body_gets_gradients_in_mode_all_and_the_original_stays() -> None:
    torch.manual_seed(0)
    encoder = Encoder(CONFIG)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    model = model_of(encoder, [[5], [6, 7]], train_body=True)
    ids = torch.tensor([[129, 130, 128, 131, 40, 41]])
    model.tuned().scores(ids, ids > 0).square().sum().backward()
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    optimiser.step()
    changed = {name for name, weight in model.encoder.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed == before.keys() - {"output_bias"}
    assert all(torch.equal(weight, before[name]) for name, weight in encoder.state_dict().items())


def test_running_statistics_follow_the_order_of_the_parts() -> None:
    config = EncoderConfig(mixer="repmlp", vocab_size=20, dim=16, layers=1, max_length=16, prompt_slots=2)
    ids = np.arange(3, 19, dtype=np.int64).repeat(2)
    ids[::4] = 20  # the mask token of each row
    how = Schedule("softmax", 2, 8, 1e-2, 1e-2, 0.0, 0)

    def last_first(function, parts):
        return [function(part) for part in list(parts)[::-1]][::-1]

    found = []
    for parallel in (map, last_first):
        torch.manual_seed(0)
        words = torch.eye(2, 20)
        model = PromptModel(
            Encoder(config), torch.zeros(2, 16), words, train_body=True, learn_labels=True, reparametrization="none"
        )
        train(model, ids, np.arange(0, 33, 4), np.arange(8) % 2, how, parallel, lambda event: None)
        found.append(model.encoder.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
