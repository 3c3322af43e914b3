"""The bound on threads."""

from __future__ import annotations

import os

import pytest

from minent.errors import InputError
from minent.runtime import Progress, silent, thread_count


def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINENT_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("MINENT_THREADS")
    assert 1 <= thread_count() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("stated", ["0", "-1", "many", "1.5", " "])
def test_a_wrong_bound_is_refused(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv("MINENT_THREADS", stated)
    with pytest.raises(InputError, match="MINENT_THREADS"):
        thread_count()


def test_the_default_reporter_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent(Progress("count", 1, 2))
    assert capsys.readouterr() == ("", "")
