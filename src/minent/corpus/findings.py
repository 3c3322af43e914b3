"""What an audit found, as plain data, and how it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minent.corpus.duplicates import NEAR

_SHOWN = 5


@dataclass(frozen=True)
class Overlap:
    """Rows (from 1) of one set whose text stands in another set too.

    Attributes:
        exact: The same text but for spaces around it.
        near: Nearly the same text (Jaccard similarity of character 5-grams at least 0.8), and not in `exact`.
    """

    exact: tuple[int, ...] = ()
    near: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.exact) + len(self.near)


@dataclass(frozen=True)
class Audit:
    """Plain findings about a labelled set, and about its unlabelled pool and its test set where they were given.

    Rows count from 1. `lines()` says it all to a person.

    Attributes:
        rows: Texts in the labelled set.
        classes: Rows per label, in the order of the labels.
        without_label: Rows of the labelled set that have no label.
        empty: Rows whose text is empty or only spaces.
        lengths: Characters per text at five quantiles.
        scripts: Rows per script of their first letters (`"LATIN"`, `"CJK"`; `"NONE"` without letters).
        duplicates: Groups of rows with the same text.
        near_duplicates: Groups of rows with nearly the same text; a group of `duplicates` counts as its first row.
        disagreements: Groups of rows with the same text and different labels.
        pool_rows: Texts in the unlabelled pool, or None when there was none.
        pool_empty: How many of them are empty.
        pool_repeated: How many of them stood in the pool before.
        test_rows: Texts in the test set, or None when there was none.
        test_in_training: Test rows whose text the labelled set holds.
        test_in_pool: Test rows whose text the unlabelled pool holds.
        unseen_classes: Labels of the test that no labelled row has, with their number of test rows.
    """

    rows: int
    classes: dict[str, int]
    without_label: int
    empty: tuple[int, ...]
    lengths: dict[str, int]
    scripts: dict[str, int]
    duplicates: tuple[tuple[int, ...], ...]
    near_duplicates: tuple[tuple[int, ...], ...]
    disagreements: tuple[tuple[int, ...], ...]
    pool_rows: int | None = None
    pool_empty: int = 0
    pool_repeated: int = 0
    test_rows: int | None = None
    test_in_training: Overlap = Overlap()
    test_in_pool: Overlap = Overlap()
    unseen_classes: tuple[tuple[str, int], ...] = ()

    @property
    def problems(self) -> list[str]:
        """The findings that ask for a decision, one sentence each; empty when there are none."""
        found = [
            _rows_that(self.empty, "is empty", "are empty", "Remove them or write their text."),
            _groups_that(self.disagreements, "the same text and different labels", "Decide for one label."),
            _groups_that(self.duplicates, "the same text", "Keep one of each."),
            _groups_that(self.near_duplicates, f"nearly the same text (5-gram Jaccard >= {NEAR})", "Look at them."),
            self._thin_classes(),
            _leak(self.test_in_training, self.test_rows, "the labelled set", "The test score will flatter."),
            _leak(self.test_in_pool, self.test_rows, "the unlabelled pool", "Remove them, or call it transductive."),
            self._unseen(),
        ]
        return [sentence for sentence in found if sentence]

    def lines(self) -> list[str]:
        """Render the findings for a person, one line each, the problems last.

        Example:
            >>> from minent.corpus import Labelled, audit
            >>> for line in audit(Labelled(("good", "bad", "good"), ("1", "0", "0"))).lines():
            ...     print(line)
            labelled: 3 rows, 2 classes
            classes: '0' 2 (67%), '1' 1 (33%)
            characters: shortest 3, 5% 3, median 4, 95% 4, longest 4
            scripts: LATIN 3
            problem: 1 group has the same text and different labels (rows 1 = 3). Decide for one label.
            problem: 1 group has the same text (rows 1 = 3). Keep one of each.
            problem: class '1' has one row only. Label more of it.
        """
        total = sum(self.classes.values())
        classes = [f"{label!r} {count} ({count / total:.0%})" for label, count in self.classes.items()]
        without = f", {self.without_label} without a label" if self.without_label else ""
        lines = [
            f"labelled: {_counted(self.rows, 'row')}, {_counted(len(self.classes), 'class', 'classes')}{without}",
            f"classes: {_some(classes, limit=20)}",
            f"characters: {', '.join(f'{name} {count}' for name, count in self.lengths.items())}",
            f"scripts: {', '.join(f'{name} {count}' for name, count in self.scripts.items())}",
        ]
        if self.pool_rows is not None:
            lines.append(
                f"pool: {_counted(self.pool_rows, 'row')}, {self.pool_empty:,} empty, {self.pool_repeated:,} repeated"
            )
        if self.test_rows is not None:
            lines.append(f"test: {_counted(self.test_rows, 'row')}")
        problems = self.problems
        return (
            lines + [f"problem: {sentence}" for sentence in problems] + ([] if problems else ["problems: none found"])
        )

    def _thin_classes(self) -> str:
        if len(self.classes) == 1:
            return f"all rows have the label {next(iter(self.classes))!r}. Label some rows of another class."
        thin = [repr(label) for label, count in self.classes.items() if count == 1]
        if len(thin) == 1:
            return f"class {thin[0]} has one row only. Label more of it."
        return f"classes {_some(thin)} have one row only. Label more of them." if thin else ""

    def _unseen(self) -> str:
        if not self.unseen_classes:
            return ""
        named = _some([f"{label!r} ({_counted(count, 'row')})" for label, count in self.unseen_classes])
        return f"the test has labels that no labelled row has: {named}. Label some, or correct the name."


# --- sentences --------------------------------------------------------------------------------------------------------


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _some(items: Sequence[object], limit: int = _SHOWN) -> str:
    more = f" and {len(items) - limit:,} more" if len(items) > limit else ""
    return ", ".join(map(str, items[:limit])) + more


def _rows_that(rows: Sequence[int], verb: str, verbs: str, cure: str) -> str:
    one = len(rows) == 1
    return f"{_counted(len(rows), 'row')} {verb if one else verbs} ({_some(rows)}). {cure}" if rows else ""


def _groups_that(groups: Sequence[Sequence[int]], what: str, cure: str) -> str:
    if not groups:
        return ""
    shown = _some([" = ".join(map(str, group[:_SHOWN])) for group in groups])
    verb = "has" if len(groups) == 1 else "have"
    return f"{_counted(len(groups), 'group')} {verb} {what} (rows {shown}). {cure}"


def _leak(overlap: Overlap, total: int | None, where: str, cure: str) -> str:
    if not len(overlap):
        return ""
    rows = sorted(overlap.exact + overlap.near)
    return (
        f"{len(rows):,} of {total:,} test rows stand in {where}, {len(overlap.exact)} the same and "
        f"{len(overlap.near)} nearly (rows {_some(rows)}). {cure}"
    )
