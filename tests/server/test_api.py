"""What a program gets from the server."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import minent
from minent.errors import ArtifactError, InputError
from minent.server import Limits, create_app
from minent.server.batching import Batcher, Overloaded
from minent.server.run import _hosts
from tests.server.conftest import fitted

TEXTS = ["the old harbour near the reef", "an owl in the oak", ""]


@pytest.fixture(scope="module")
def client(model_folder):
    with TestClient(create_app(model_folder, limits=Limits(body_bytes=20_000, texts=50))) as client:
        yield client


def error_of(response) -> str:
    answer = response.json()
    assert list(answer) == ["error"]
    assert "\n" not in answer["error"]
    return answer["error"]


# --- answers ----------------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_the_model(client, model_folder):
    answer = client.post("/predict", json={"texts": TEXTS, "top_k": 2}).json()
    loaded = minent.load(model_folder)
    rows = loaded.predict_proba(TEXTS)
    assert answer["model"] == minent.artifacts.read_manifest(model_folder).digest
    for said, row in zip(answer["predictions"], rows, strict=True):
        assert [each["label"] for each in said] == [str(loaded.classes_[place]) for place in np.argsort(-row)]
        assert [each["probability"] for each in said] == pytest.approx(sorted(row, reverse=True), abs=1e-6)


def test_one_text_no_text_and_the_best_label_alone(client):
    assert len(client.post("/predict", json={"text": TEXTS[0]}).json()["predictions"]) == 1
    assert client.post("/predict", json={"texts": []}).json()["predictions"] == []
    assert [len(row) for row in client.post("/predict", json={"texts": TEXTS}).json()["predictions"]] == [1, 1, 1]


def test_a_threshold_leaves_out_what_is_less_likely(client):
    sure, unsure = client.post("/predict", json={"texts": [TEXTS[0], ""], "threshold": 0.6}).json()["predictions"]
    assert [each["label"] for each in sure] == ["sea"]
    assert unsure == []


def test_tokens_stand_where_they_are_said_to_stand(client):
    (found,) = client.post("/tokenize", json={"text": "Old  HARBOUR zzz"}).json()["tokens"]
    assert found["text"] == "old  harbour zzz"
    words = [piece for piece in found["pieces"] if " " not in piece["ngram"]]
    assert [found["text"][piece["start"] : piece["end"]] for piece in words] == ["old", "harbour", "zzz"]
    assert [piece["known"] for piece in words] == [True, True, False]


def test_an_explanation_names_the_words_and_the_neighbours(client):
    found = client.post("/explain", json={"text": "the HARBOUR"}).json()
    assert (found["label"], found["text"]) == ("sea", "the harbour")
    assert found["ngrams"][0]["ngram"] == "harbour"
    assert len(found["weights"]) == len(found["text"])
    assert max(found["weights"]) == max(found["weights"][4:])
    assert found["neighbours"]
    assert all("harbour" in near["text"] or "the" in near["text"] for near in found["neighbours"])
    assert all(near["label"] == "sea" for near in found["neighbours"][:1])


def test_the_other_label_is_explained_by_the_opposite_weights(client):
    sea = client.post("/explain", json={"text": "the harbour", "label": "sea"}).json()["weights"]
    wood = client.post("/explain", json={"text": "the harbour", "label": "wood"}).json()["weights"]
    assert sea == pytest.approx([-weight for weight in wood])


def test_health_and_metrics_tell_what_happened(client):
    health = client.get("/health").json()
    assert (health["status"], health["classes"]) == ("ok", ["sea", "wood"])
    before = client.get("/metrics").text
    client.post("/predict", json={"texts": TEXTS})
    after = client.get("/metrics").text
    assert _value(after, "minent_texts_total") == _value(before, "minent_texts_total") + 3
    assert 'minent_requests_total{path="/predict",status="200"}' in after
    client.get("/some/unknown/path")
    assert "/some/unknown/path" not in client.get("/metrics").text


def _value(text: str, name: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def test_the_description_of_the_api_names_every_route(client):
    api = client.get("/openapi.json").json()
    assert set(api["paths"]) == {"/predict", "/tokenize", "/explain", "/health", "/metrics"}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, 'either "text" or "texts"'),
        ({"text": "a", "texts": ["b"]}, 'either "text" or "texts"'),
        ({"texts": ["a", 3]}, "texts.1"),
        ({"text": "a", "topk": 3}, "topk: this request has no such field"),
        ({"text": "a", "top_k": 0}, "top_k"),
        ({"text": "a", "threshold": 2}, "threshold"),
        ([], "the body"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(client, asked, said):
    response = client.post("/predict", json=asked)
    assert response.status_code == 422
    assert said in error_of(response)


def test_bounds_are_named(client):
    response = client.post("/predict", json={"texts": ["a"] * 51})
    assert (response.status_code, "51 texts, but a request takes 50" in error_of(response)) == (400, True)
    response = client.post("/predict", json={"text": "a" * 20_001})
    assert (response.status_code, "20000 bytes" in error_of(response)) == (413, True)


def test_a_body_of_unstated_length_is_cut_off_too(client):
    parts = (b" " * 4096 for _ in range(6))
    assert client.post("/predict", content=parts).status_code == 413


def test_an_unknown_label_and_an_unknown_path_are_named(client):
    assert "'woods'" in error_of(client.post("/explain", json={"text": "a", "label": "woods"}))
    assert "Did you mean 'wood'?" in error_of(client.post("/explain", json={"text": "a", "label": "woods"}))
    assert client.get("/nowhere").status_code == 404
    assert "GET /nowhere" in error_of(client.get("/nowhere"))
    assert client.get("/../manifest.json").status_code == 404
    assert client.get("/predict").status_code == 405


def test_only_this_machine_is_answered_when_bound_to_it(model_folder):
    with TestClient(create_app(model_folder, hosts=_hosts("127.0.0.1")), base_url="http://localhost") as near:
        assert near.get("/health").status_code == 200
        assert near.get("/health", headers={"host": "evil.example"}).status_code == 400
    assert _hosts("0.0.0.0") == ["*"]


def test_pages_forbid_what_they_do_not_need(client):
    for path in ("/", "/docs", "/page.js", "/report"):
        response = client.get(path)
        assert response.status_code == 200
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
    assert "script-src 'self'" in client.get("/").headers["content-security-policy"]
    assert "script-src" not in client.get("/report").headers["content-security-policy"]


def test_bounds_above_zero():
    with pytest.raises(InputError, match="texts is 0"):
        Limits(texts=0)


# --- time, crowds and a model that is replaced ------------------------------------------------------------------------


def test_an_answer_that_takes_too_long_is_given_up(model_folder, monkeypatch):
    app = create_app(model_folder, limits=Limits(seconds=0.05))
    slow = type(app.state.service.loaded.classifier)
    monkeypatch.setattr(slow, "predict_proba", lambda self, texts: time.sleep(0.5))
    with TestClient(app) as client:
        response = client.post("/predict", json={"text": "a"})
        assert (response.status_code, "0.05 seconds" in error_of(response)) == (503, True)


def test_requests_that_wait_are_answered_together():
    sizes: list[int] = []
    gate = threading.Event()

    def answer(texts):
        gate.wait(5)
        return np.array([[len(text)] for text in texts])

    async def crowd():
        batcher = Batcher(answer, largest=6, most_waiting=9, observe=sizes.append)
        task = asyncio.create_task(batcher.run())
        asked = [asyncio.create_task(batcher.ask([""] * 2))]
        await asyncio.sleep(0.05)  # the first is being answered
        asked += [asyncio.create_task(batcher.ask(["x" * n] * 2)) for n in range(1, 5)]
        await asyncio.sleep(0.05)  # and four wait
        with pytest.raises(Overloaded):
            await batcher.ask(["y"] * 2)
        left = asyncio.create_task(batcher.ask(["z"]))
        await asyncio.sleep(0)
        left.cancel()
        gate.set()
        rows = await asyncio.gather(*asked)
        task.cancel()
        return rows

    rows = asyncio.run(crowd())
    assert [row.ravel().tolist() for row in rows] == [[n, n] for n in range(5)]
    assert sizes == [2, 6, 2]


def test_one_failed_batch_does_not_stop_the_next():
    def answer(texts):
        if "bad" in texts:
            raise ValueError("bad")
        return np.zeros((len(texts), 1))

    async def both():
        batcher = Batcher(answer)
        task = asyncio.create_task(batcher.run())
        with pytest.raises(ValueError, match="bad"):
            await batcher.ask(["bad"])
        found = await batcher.ask(["good"])
        task.cancel()
        return found

    assert asyncio.run(both()).shape == (1, 1)


def test_a_replaced_folder_answers_without_a_restart(tmp_path, model_folder):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    with TestClient(create_app(folder, watch_seconds=0.02)) as client:
        assert client.get("/health").json()["classes"] == ["sea", "wood"]
        manifest = (folder / "manifest.json").read_bytes()
        (folder / "manifest.json").write_bytes(manifest[:100])  # half written: the old model goes on answering
        assert _soon(lambda: client.get("/health").json()["status"] == "stale")
        assert client.post("/predict", json={"text": "reef"}).status_code == 200
        (folder / "manifest.json").write_bytes(manifest)
        fitted(("sea", "town")).save(folder, overwrite=True)
        assert _soon(lambda: client.get("/health").json()["classes"] == ["sea", "town"])
        assert client.get("/health").json()["status"] == "ok"
        assert "minent_model_reloads_total 1.0" in client.get("/metrics").text


def _soon(true) -> bool:
    for _ in range(250):
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_folder_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path):
    with pytest.raises(ArtifactError, match="no such folder"):
        create_app(tmp_path / "none")
