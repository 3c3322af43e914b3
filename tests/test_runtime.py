"""The bound on threads."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from minent.errors import InputError
from minent.runtime import Progress, ordered_map, silent, thread_count


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


def test_results_come_in_order_and_work_waits_for_those_who_take_them() -> None:
    begun: list[int] = []

    def slow_at_first(item: int) -> int:
        begun.append(item)
        time.sleep(0.02 if item == 0 else 0)
        return item

    with ThreadPoolExecutor(3) as pool:
        results = ordered_map(pool, slow_at_first, iter(range(40)), ahead=4)
        assert [next(results) for _ in range(10)] == list(range(10))
        assert len(begun) <= 10 + 4
        assert list(results) == list(range(10, 40))


def test_an_error_comes_where_its_result_would_and_ends_the_work() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1, -40, -1):
            asked.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = ordered_map(pool, lambda item: 1 // item, items(), ahead=3)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert len(asked) <= 6
