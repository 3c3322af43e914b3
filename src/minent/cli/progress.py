"""Progress bars on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import time
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
        begun: dict[str, float] = {}

        def report(event: Progress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = drawing.add_task(event.stage, total=event.total, figures="")
                begun[event.stage] = time.monotonic()
            shown = figures(event, time.monotonic() - begun[event.stage])
            drawing.update(tasks[event.stage], completed=event.done, total=event.total, figures=shown)

        yield report


def figures(event: Progress, seconds: float = 0.0) -> str:
    """What stands beside a bar; of bytes also how many go through in a second, once there are some seconds.

    Example:
        >>> figures(Progress("pretrain", 1200, 2000, "steps", "loss 2.31"))
        '1,200/2,000 steps, loss 2.31'
        >>> figures(Progress("read", 12, unit="texts"))
        '12 texts'
        >>> figures(Progress("read", 12_300_000, unit="bytes"), seconds=2)
        '12.3 MB, 6.2 MB/s'
    """
    if event.unit == "bytes":
        total = "" if event.total is None else f"/{event.total / 1e6:,.1f}"
        rate = f", {event.done / 1e6 / seconds:,.1f} MB/s" if event.done and seconds > 0.1 else ""
        count = f"{event.done / 1e6:,.1f}{total} MB{rate}"
    else:
        total = "" if event.total is None else f"/{event.total:,.0f}"
        count = f"{event.done:,.0f}{total} {event.unit}"
    return f"{count}, {event.note}" if event.note else count
