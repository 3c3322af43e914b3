"""What a Prometheus server asks for: how much is asked, how fast it is answered, what failed."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class Metrics:
    """The counters of one server; several servers in one process do not share them.

    Attributes:
        requests: Requests answered, by path and status.
        seconds: Time to answer, by path.
        texts: Texts classified.
        batch: Texts per batch.
        reloads: How often the model was replaced.
        waiting: Requests that are being answered now.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "minent_requests", "Requests answered, by path and status.", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "minent_request_seconds", "Time to answer a request.", ["path"], buckets=_SECONDS, registry=registry
        )
        self.texts = Counter("minent_texts", "Texts classified.", registry=registry)
        self.batch = Histogram("minent_batch_texts", "Texts per batch.", buckets=_TEXTS, registry=registry)
        self.reloads = Counter("minent_model_reloads", "How often the model was replaced.", registry=registry)
        self.waiting = Gauge("minent_requests_in_progress", "Requests that are being answered.", registry=registry)

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self._registry)
