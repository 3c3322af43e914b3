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
from minent.report import SCRIPT_POLICY
from minent.server import Limits, answers, create_app
from minent.server.batching import Batcher, Overloaded
from minent.server.limits import BodyLimit
from minent.server.run import _hosts
from minent.server.service import Loaded, Service
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
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
    assert "script-src 'self'" in client.get("/").headers["content-security-policy"]
    assert f"; {SCRIPT_POLICY};" in client.get("/report").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("texts", 0), ("texts", "9"), ("body_bytes", 1.5), ("seconds", 0), ("seconds", "30"), ("seconds", float("nan"))],
)
def test_bounds_above_zero(name, value):
    with pytest.raises(InputError, match=f"{name} is {value!r}; it takes"):
        Limits(**{name: value})


def test_an_answer_of_boundless_length_is_refused(model_folder):
    with TestClient(create_app(model_folder, limits=Limits(tokenized_characters=10))) as client:
        assert client.post("/tokenize", json={"texts": ["reef "] * 2}).status_code == 200
        response = client.post("/tokenize", json={"texts": ["reef "] * 3})
        assert (response.status_code, "15 characters, but /tokenize takes 10" in error_of(response)) == (400, True)


def test_a_message_stays_one_line_of_bounded_length(client):
    assert error_of(client.post("/predict", json={"text": "a", "x\ny": 1})).startswith("x y: ")
    assert len(error_of(client.post("/explain", json={"text": "a", "label": "woods " * 3000}))) < 500


def test_our_own_fault_is_told_and_counted(model_folder, monkeypatch):
    app = create_app(model_folder)
    monkeypatch.setattr(type(app.state.service.loaded.classifier), "predict_proba", lambda self, texts: 1 / 0)
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.post("/predict", json={"text": "a"})
        assert (response.status_code, "POST /predict failed" in error_of(response)) == (500, True)
        assert 'minent_requests_total{path="/predict",status="500"} 1.0' in client.get("/metrics").text


def test_labels_and_texts_that_are_no_unicode_can_be_sent(tmp_path):
    minent.TextClassifier(budget_seconds=5).fit(["so good \ud800", "so bad"] * 3, ["+\ud800", "-"] * 3).save(
        tmp_path / "model"
    )
    with TestClient(create_app(tmp_path / "model")) as client:
        assert client.get("/health").json()["classes"] == ["+\ufffd", "-"]
        asked = b'{"text": "good \\ud800"}'
        header = {"content-type": "application/json"}
        answer = client.post("/predict", content=asked, headers=header).json()
        assert answer["predictions"][0][0]["label"] == "+\ufffd"
        answer = client.post("/explain", content=asked, headers=header).json()
        assert (answer["label"], answer["text"]) == ("+\ufffd", "good \ufffd")
        assert answer["neighbours"][0]["label"] == "+\ufffd"


def test_half_a_body_is_no_request():
    said: list[object] = []

    async def left_midway():
        parts = [{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}]

        async def receive():
            return parts.pop(0)

        async def note(*seen):
            said.append(seen)

        await BodyLimit(note, most=100, seconds=5)({"type": "http", "headers": []}, receive, note)

    asyncio.run(left_midway())
    assert said == []


def test_a_body_that_does_not_come_is_not_waited_for():
    said: list[dict] = []

    async def never():
        await asyncio.sleep(60)

    async def note(message):
        said.append(message)

    asyncio.run(BodyLimit(None, most=100, seconds=0.05)({"type": "http", "headers": []}, never, note))
    assert said[0]["status"] == 408
    assert b"within 0.05 seconds" in said[1]["body"]


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
        return "model", np.array([[len(text)] for text in texts])

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
    assert [row.ravel().tolist() for _, row in rows] == [[n, n] for n in range(5)]
    assert sizes == [2, 6, 2]


def test_one_failed_batch_does_not_stop_the_next():
    def answer(texts):
        if "bad" in texts:
            raise ValueError("bad")
        return "model", np.zeros((len(texts), 1))

    async def both():
        batcher = Batcher(answer)
        task = asyncio.create_task(batcher.run())
        with pytest.raises(ValueError, match="bad"):
            await batcher.ask(["bad"])
        found = await batcher.ask(["good"])
        task.cancel()
        return found

    model, rows = asyncio.run(both())
    assert (model, rows.shape) == ("model", (1, 1))


@pytest.mark.parametrize(("path", "work"), [("/predict", "predictions"), ("/tokenize", "tokens")])
def test_long_answers_are_written_off_the_event_loop(client, monkeypatch, path, work):
    done, write = [], getattr(answers, work)

    def noted(*given):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        done.append(work)
        return write(*given)

    monkeypatch.setattr(answers, work, noted)
    assert client.post(path, json={"texts": TEXTS}).status_code == 200
    assert done == [work]


def test_labels_are_those_of_the_model_that_answered(model_folder, tmp_path):
    fitted(("town", "sea", "wood")).save(tmp_path / "new")
    app = create_app(model_folder, watch_seconds=3600)
    with TestClient(app) as client:
        ask = app.state.batcher.ask

        async def replaced_while_waiting(texts):
            app.state.service.loaded = Loaded.read(tmp_path / "new")
            return await ask(texts)

        app.state.batcher.ask = replaced_while_waiting
        answer = client.post("/predict", json={"text": "owl", "top_k": 9}).json()
    assert answer["model"] == minent.artifacts.read_manifest(tmp_path / "new").digest
    assert sorted(each["label"] for each in answer["predictions"][0]) == ["sea", "town", "wood"]


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


def test_a_folder_that_was_away_for_a_while_is_not_stale(tmp_path, model_folder):
    shutil.copytree(model_folder, tmp_path / "model")
    service = Service(tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / "away")
    assert (service.refresh(), "no such folder" in service.trouble) == (False, True)
    (tmp_path / "away").rename(tmp_path / "model")
    assert (service.refresh(), service.trouble) == (False, "")


def test_whatever_goes_wrong_the_last_good_model_goes_on(tmp_path, model_folder, monkeypatch):
    shutil.copytree(model_folder, tmp_path / "model")
    service = Service(tmp_path / "model")
    with monkeypatch.context() as patched:
        patched.setattr(minent.TextClassifier, "load", lambda folder: {}["weights"])
        (tmp_path / "model" / "manifest.json").touch()
        assert (service.refresh(), service.trouble) == (False, "'weights'")
    assert (service.refresh(), service.trouble) == (False, "")


def test_a_folder_replaced_while_it_is_read_is_read_again(tmp_path, model_folder, monkeypatch):
    shutil.copytree(model_folder, tmp_path / "model")
    new, load = fitted(("sea", "town")), minent.TextClassifier.load

    def slowly(folder):
        loaded = load(folder)
        if "wood" in loaded.classes_:
            new.save(folder, overwrite=True)
        return loaded

    monkeypatch.setattr(minent.TextClassifier, "load", slowly)
    loaded = Loaded.read(tmp_path / "model")
    assert loaded.classifier.classes_.tolist() == ["sea", "town"]
    assert loaded.digest == minent.artifacts.read_manifest(tmp_path / "model").digest


def _soon(true) -> bool:
    for _ in range(250):
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_folder_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path):
    with pytest.raises(ArtifactError, match="no such folder"):
        create_app(tmp_path / "none")
