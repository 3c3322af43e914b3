"""Progress bars on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from minent.runtime import Progress, Reporter, silent


@contextmanager
def bars() -> Iterator[Reporter]:
    """Give a reporter that draws a bar per stage on stderr while the block runs, if stderr is a terminal.

    Example:
        >>> with bars() as report:
        ...     report(Progress("count", 1, 2, "texts"))
    """
    if not sys.stderr.isatty():
        yield silent
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(bar_width=30),
        rich_progress.TextColumn("{task.fields[figures]}", markup=False),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as drawing:
        tasks: dict[str, rich_progress.TaskID] = {}

        def report(event: Progress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = drawing.add_task(event.stage, total=event.total, figures="")
            drawing.update(tasks[event.stage], completed=event.done, total=event.total, figures=figures(event))

        yield report


def figures(event: Progress) -> str:
    """What stands beside a bar.

    Example:
        >>> figures(Progress("pretrain", 1200, 2000, "steps", "loss 2.31"))
        '1,200/2,000 steps, loss 2.31'
        >>> figures(Progress("read", 12, unit="texts"))
        '12 texts'
    """
    total = "" if event.total is None else f"/{event.total:,.0f}"
    note = f", {event.note}" if event.note else ""
    return f"{event.done:,.0f}{total} {event.unit}{note}"
