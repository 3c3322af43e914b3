"""The routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from minent import __version__
from minent.errors import InputError, did_you_mean, listing
from minent.report import SCRIPT_POLICY
from minent.server import answers
from minent.server.batching import Batcher, Overloaded
from minent.server.limits import BodyLimit, Limits
from minent.server.messages import (
    ExplainAnswer,
    ExplainRequest,
    Health,
    PredictAnswer,
    PredictRequest,
    Problem,
    Texts,
    TokenizeAnswer,
)
from minent.server.metrics import CONTENT_TYPE, Metrics
from minent.server.service import Loaded, Service

_PAGE = Path(__file__).parent / "page"
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "docs.js": "text/javascript"}
_ALONE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"  # default-src does not cover these
_ONLY_OURS = f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; {_ALONE}"
# The report is one file, styles and script and all.
_REPORT = f"default-src 'none'; style-src 'unsafe-inline'; {SCRIPT_POLICY}; img-src data:; {_ALONE}"
_LOUDEST = 12


def build(folder: str | Path, limits: Limits, hosts: Sequence[str], watch_seconds: float) -> FastAPI:
    """Make the application; see `create_app`."""
    metrics = Metrics()
    service = Service(folder, on_reload=metrics.reloads.inc)

    def answer(texts: Sequence[str]) -> tuple[Loaded, np.ndarray]:
        loaded = service.loaded  # once: it may be replaced while it answers
        return loaded, loaded.classifier.predict_proba(texts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Made here, since it belongs to the event loop that runs the application.
        app.state.batcher = Batcher(answer, most_waiting=limits.waiting_texts, observe=metrics.batch.observe)
        tasks = [asyncio.create_task(app.state.batcher.run()), asyncio.create_task(service.watch(watch_seconds))]
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="minent",
        version=__version__,
        description="A text classifier: labels with calibrated probabilities, and why.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page would load its script from elsewhere
        redoc_url=None,
    )
    app.state.service, app.state.metrics, app.state.limits = service, metrics, limits
    _add_answers(app)
    _add_pages(app)
    _add_errors(app)
    app.middleware("http")(_measured_and_fenced)
    app.add_middleware(BodyLimit, most=limits.body_bytes, seconds=limits.seconds)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    return app


def _add_answers(app: FastAPI) -> None:
    """The routes for programs."""
    service, limits = app.state.service, app.state.limits
    problems: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 408, 413, 422, 500, 503)}

    @app.post("/predict", responses=problems)
    async def predict(asked: PredictRequest) -> PredictAnswer:
        """Labels with calibrated probabilities, the likeliest first."""
        texts = _within(asked.rows, limits)
        loaded, rows = service.loaded, np.zeros((0, 0))
        if texts:
            loaded, rows = await asyncio.wait_for(app.state.batcher.ask(texts), limits.seconds)
        app.state.metrics.texts.inc(len(texts))
        # In a thread: thousands of texts with many labels each would hold up every other request.
        return await asyncio.to_thread(answers.predictions, loaded, rows, asked.top_k, asked.threshold)

    @app.post("/tokenize", responses=problems)
    async def tokenize(asked: Texts) -> TokenizeAnswer:
        """The n-grams of each text, and which of them the model knows."""
        texts = _within(asked.rows, limits)
        if (size := sum(map(len, texts))) > limits.tokenized_characters:
            raise InputError(
                f"the texts hold {size} characters, but /tokenize takes {limits.tokenized_characters}, since its "
                f"answer is many times as long. Send them in parts."
            )
        return await asyncio.wait_for(asyncio.to_thread(answers.tokens, service.loaded, texts), limits.seconds)

    @app.post("/explain", responses=problems)
    async def explain(asked: ExplainRequest) -> ExplainAnswer:
        """Which words moved the decision, and which labelled texts are near."""
        loaded = service.loaded
        classes = loaded.classifier.classes_.tolist()
        if asked.label is not None and asked.label not in classes:
            label = asked.label[:200]  # whatever else was sent
            hint = did_you_mean(label, classes)
            raise InputError(f"label is {label!r}; this model knows {listing(classes)}.{hint}")
        work = asyncio.to_thread(answers.explanation, loaded, asked.text, asked.label, _LOUDEST)
        return await asyncio.wait_for(work, limits.seconds)

    @app.get("/health")
    async def health() -> Health:
        """Whether it answers, and with what."""
        return answers.health(service)

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Counters in the text format of Prometheus."""
        return Response(app.state.metrics.text(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI) -> None:
    """The routes for people."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "page.html", media_type="text/html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_PAGE / "docs.html", media_type="text/html")

    @app.get("/report", include_in_schema=False)
    async def show_report() -> HTMLResponse:
        return HTMLResponse(app.state.service.loaded.report, headers={"content-security-policy": _REPORT})

    for name, kind in _FILES.items():

        @app.get(f"/{name}", include_in_schema=False)
        async def file(name: str = name, kind: str = kind) -> FileResponse:
            return FileResponse(_PAGE / name, media_type=kind)


def _add_errors(app: FastAPI) -> None:
    """Every error is one line that says what to do."""

    def problem(status: int, sentence: str, **headers: str) -> JSONResponse:
        return JSONResponse({"error": answers.sendable(" ".join(sentence.split()))}, status, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def wrong_request(request: Request, error: RequestValidationError) -> Response:
        return problem(422, "; ".join(_sentence(found) for found in error.errors()[:5]))

    @app.exception_handler(InputError)
    async def wrong_input(request: Request, error: InputError) -> Response:
        return problem(400, str(error))

    @app.exception_handler(HTTPException)
    async def wrong_place(request: Request, error: HTTPException) -> Response:
        hint = " See /docs." if error.status_code in (404, 405) else ""
        return problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}.{hint}")

    @app.exception_handler(TimeoutError)
    async def too_slow(request: Request, error: TimeoutError) -> Response:
        return problem(503, f"no answer within {app.state.limits.seconds:g} seconds. Send fewer texts, or come again.")

    @app.exception_handler(Exception)
    async def our_fault(request: Request, error: Exception) -> Response:
        return problem(500, f"{request.method} {request.url.path} failed. The log of the server says why.")

    @app.exception_handler(Overloaded)
    async def too_many(request: Request, error: Overloaded) -> Response:
        return problem(503, "too many texts are waiting. Come again in a second.", **{"retry-after": "1"})


async def _measured_and_fenced(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Count and time a request, and forbid the browser whatever our pages do not need."""
    metrics, start = request.app.state.metrics, time.perf_counter()
    status = 500  # where it fails, the answer is made further out
    try:
        with metrics.waiting.track_inprogress():
            response = await go_on(request)
        status = response.status_code
    finally:
        route = request.scope.get("route")
        path = route.path if route is not None else "other"  # an unknown path must not grow the table
        metrics.requests.labels(path, status).inc()
        metrics.seconds.labels(path).observe(time.perf_counter() - start)
    response.headers.setdefault("content-security-policy", _ONLY_OURS)
    response.headers.setdefault("x-content-type-options", "nosniff")
    response.headers.setdefault("referrer-policy", "no-referrer")
    response.headers.setdefault("cache-control", "no-store")
    return response


def _within(texts: list[str], limits: Limits) -> list[str]:
    if len(texts) > limits.texts:
        raise InputError(f"texts holds {len(texts)} texts, but a request takes {limits.texts}. Send them in parts.")
    return texts


def _sentence(found: Any) -> str:
    """One fault of a request, with its place."""
    place = ".".join(str(part) for part in found["loc"] if part != "body") or "the body"
    if found["type"] == "extra_forbidden":
        return f"{place}: this request has no such field. /docs lists them."
    return f"{place}: {found['msg']}"
