"""Work in parts over many machines, with Ray; on one machine nothing here is needed.

An engine takes a function and a stream of parts and gives the results in the order of the parts, as `map` does. So what
is made of them does not depend on the machines: a part whose worker or machine died is done again elsewhere, and of the
stream only some parts for each core are in memory at a time.

    >>> list(here(len, ["ab", "c"]))
    [2, 1]

Every machine needs the same minent. Ray hands functions and results from process to process by pickling: it belongs on
machines that trust each other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from minent.errors import InputError, MissingExtraError, did_you_mean

Part = TypeVar("Part")
Result = TypeVar("Result")
Engine = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

ENGINES = ("local", "ray")
_AHEAD = 3  # parts for each core that are on their way
_TRIES = 5  # of a part whose worker dies; one that kills every worker must end


def here(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """The engine of one machine."""
    return map(work, parts)


@contextmanager
def engine(name: str = "local", address: str | None = None) -> Iterator[Engine]:
    """Give the engine of a name, for as long as the block lasts.

    Args:
        name: `"local"`, or `"ray"`.
        address: Of a Ray cluster, such as `"10.0.0.1:6379"` or `"auto"`; None starts one on this machine.

    Raises:
        InputError: Another name, an address without Ray, or no cluster at the address.
        MissingExtraError: Ray is not installed.

    Example:
        >>> with engine() as spread:
        ...     list(spread(str.upper, "ab"))
        ['A', 'B']
    """
    if name not in ENGINES:
        raise InputError(f"engine is {name!r}; it is one of {', '.join(ENGINES)}.{did_you_mean(name, ENGINES)}")
    if name == "local":
        if address is not None:
            raise InputError(f"address is {address!r}, but the engine is local. Give --engine ray too.")
        yield here
        return
    started = _join(address)
    try:
        yield _on_ray
    finally:
        if started:
            import ray

            ray.shutdown()


def _join(address: str | None) -> bool:
    """Join or start a cluster; False where this process is in one already."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray is not installed; pip install 'minent[ray]' brings it.") from error
    if ray.is_initialized():
        return False
    try:
        settings: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
        ray.init(**(settings if address else {**settings, "include_dashboard": False}))
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"address is {address!r}: no Ray cluster answers there ({error}). Is it running?") from error
    return True


def _on_ray(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Send the parts out, some ahead, and wait for them in turn."""
    import ray

    task: Callable[..., Any] = ray.remote(num_cpus=1, max_retries=_TRIES)(_done).remote
    shared = ray.put(work)  # once for each machine, not with every part
    going: deque[Any] = deque()
    try:
        for part in parts:
            going.append(task(shared, part))
            if len(going) >= _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))):
                yield _result(going.popleft())
        while going:
            yield _result(going.popleft())
    finally:
        for left in going:
            ray.cancel(left, force=True)


def _done(work: Callable[[Part], Result], part: Part) -> Result:
    return work(part)


def _result(promised: Any) -> Any:
    """Wait for a result; an error of the work comes as itself."""
    import ray

    try:
        return ray.get(promised)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        short = str(error).strip().splitlines()[0]
        raise InputError(f"a part of the work was lost {_TRIES + 1} times ({short}). Look at the machines.") from error
