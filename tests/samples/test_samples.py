"""The sample that ships is whole, and says where it is from."""

from __future__ import annotations

import pytest

from minent import samples
from minent.errors import InputError


@pytest.mark.parametrize("split", range(samples.SPLITS))
def test_every_split_is_whole(split):
    sample = samples.load("subjectivity", split=split)
    assert sorted(set(sample.train_labels)) == ["objective", "subjective"]
    assert [sample.train_labels.count(label) for label in ("objective", "subjective")] == [16, 16]
    assert len(sample.train_texts) == 32
    assert len(sample.test_texts) == len(sample.test_labels) == 2000
    assert len(sample.unlabeled) == 8000
    assert not {*sample.train_texts, *sample.unlabeled} & set(sample.test_texts)
    assert all(text.strip() for text in [*sample.train_texts, *sample.test_texts, *sample.unlabeled])


def test_source_and_licence_stand_beside_it():
    readme = (samples.path("subjectivity") / "README.md").read_text()
    assert "Subjectivity dataset v1.0, Bo Pang and Lillian Lee, ACL 2004" in readme
    assert "CC BY 4.0" in readme


def test_unknown_names_and_splits():
    with pytest.raises(InputError, match=r"there is no sample 'subjectivty'.*Did you mean 'subjectivity'"):
        samples.load("subjectivty")
    with pytest.raises(InputError, match="split is 5; 'subjectivity' has the splits 0 to 4"):
        samples.load("subjectivity", split=5)
