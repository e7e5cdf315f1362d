"""What a server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SENTENCES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Count requests, their time, sentences, tokens, and the sizes of batches. ``under_way`` returns how many run."""

    def __init__(self, under_way: Callable[[], float]) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter("relx_requests", "Requests by path and status", ["path", "status"], registry=own)
        self.seconds = Histogram("relx_request_seconds", "Time of predictions", buckets=SECONDS, registry=own)
        self.sentences = Counter("relx_sentences", "Sentences that were to be predicted", ["model"], registry=own)
        self.tokens = Counter("relx_tokens", "Tokens that were to be predicted", ["model"], registry=own)
        self.batches = Histogram("relx_batch_sentences", "Sentences of each batch", buckets=SENTENCES, registry=own)
        Gauge("relx_requests_under_way", "Predictions that run or wait", registry=own).set_function(under_way)

    def text(self) -> bytes:
        """Return the counts in Prometheus' text format."""
        return generate_latest(self.registry)
