"""One small classifier for all tests of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from minent import TextClassifier
from tests.classifier.corpora import draw


def fitted(topics: tuple[str, ...] = ("sea", "wood")) -> TextClassifier:
    texts, labels = draw(40, seed=0, topics=topics)
    return TextClassifier(budget_seconds=5).fit([*texts, "<b>wave</b> & \x07 storm"], [*labels, topics[0]])


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "model"
    fitted().save(folder)
    return folder
