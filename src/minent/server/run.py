"""The door: the application for any ASGI server, or run here until it is told to stop."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minent.errors import InputError, MissingExtraError
from minent.server.limits import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app(
    folder: str | Path, *, limits: Limits | None = None, hosts: Sequence[str] = ("*",), watch_seconds: float = 1.0
) -> FastAPI:
    """Make the ASGI application of a saved classifier, for any ASGI server.

    Args:
        folder: A folder from `minent fit`. When it is replaced, the new model answers within `watch_seconds`.
        limits: Bounds on a request; None takes the defaults.
        hosts: The `Host` headers that are answered; `"*"` is any.
        watch_seconds: How often to look whether the folder was replaced.

    Returns:
        The application.

    Raises:
        ArtifactError: The folder cannot be read.
        MissingExtraError: FastAPI is not installed.

    Example:
        >>> create_app("no-such-folder")
        Traceback (most recent call last):
            ...
        minent.errors.ArtifactError: no-such-folder: there is no such folder. Check the path.
    """
    try:
        from minent.server.app import build
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed. Run: pip install 'minent[serve]'") from error
    return build(folder, limits or Limits(), hosts, watch_seconds)


def serve(
    folder: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    limits: Limits | None = None,
    grace_seconds: int = 10,
    quiet: bool = False,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Answer over HTTP until Ctrl-C or SIGTERM; requests that are being answered then are finished.

    Bound to this machine alone, it answers only requests that name this machine, so that no web page elsewhere can
    read its answers through the reader's browser.

    Args:
        folder: A folder from `minent fit`.
        host: Address to listen on; `"0.0.0.0"` is every network of this machine.
        port: Port to listen on; 0 takes a free one.
        limits: Bounds on a request; None takes the defaults.
        grace_seconds: How long unfinished requests may take after the word to stop.
        quiet: Write no line per request.
        ready: Called with the address, `"http://127.0.0.1:8765"`, when requests are taken.

    Raises:
        InputError: The address cannot be listened on.
        ArtifactError: The folder cannot be read.
        MissingExtraError: uvicorn or FastAPI is not installed.

    Example:
        >>> serve("no-such-folder")
        Traceback (most recent call last):
            ...
        minent.errors.ArtifactError: no-such-folder: there is no such folder. Check the path.
    """
    app = create_app(folder, limits=limits, hosts=_hosts(host))
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("uvicorn is not installed. Run: pip install 'minent[serve]'") from error
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning" if quiet else "info",
        timeout_graceful_shutdown=grace_seconds,
        server_header=False,
    )
    with _listening(host, port) as listener:
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """Take the address now, so that one that is taken costs a line and not a traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only if the protocol is named: else each waits some 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)  # requests that come before the application is up wait for it
    except (OSError, OverflowError, UnicodeError) as error:
        listener.close()
        raise InputError(f"{host}:{port} cannot be listened on ({error}). Choose another --host or --port.") from error
    return listener


def _hosts(host: str) -> list[str]:
    """The names by which a request may call this server."""
    if host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        return ["localhost", "127.0.0.1", "[::1]", host]
    return ["*"]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
