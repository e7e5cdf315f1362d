"""Read requests, run their work beside the event loop within limits of size, number and time, and answer in JSON."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

from fastapi import Request, Response

from relx.serving.batching import OutOfTime
from relx.serving.service import JSON, Refused, Service
from relx.utils.text import counted, json_text

T = TypeVar("T")

# A client reads an answer only after it has sent its body, so a body that is too large is read and forgotten.
LARGEST_DISCARDED = 64_000_000

# What the OpenAPI description says of the bodies of /predict, which relx reads itself.
_RECORD = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string", "description": "A text; without tokens it is a document of any length."},
        "tokens": {"type": "array", "items": {"type": "string"}, "description": "One sentence."},
        "entities": {"type": "array", "items": {"type": "object"}, "description": "Read with given_entities."},
        "meta": {"type": "object", "description": "Returned as it is."},
    },
}
_INPUT = {"anyOf": [{"type": "string"}, _RECORD]}
_ANSWER = {
    "type": "object",
    "description": "A sentence (tokens, entities by token) or a document (sentences, entities by character).",
    "properties": {
        "text": {"type": "string"},
        "entities": {"type": "array", "items": {"type": "object"}},
        "relations": {"type": "array", "items": {"type": "object"}},
    },
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"input": {"type": "integer"}, "error": {"type": "string"}},
            },
        },
    },
}
_STATUSES = {
    "401": "The token is missing or wrong.",
    "403": "A page of another site asks, or the host name is foreign.",
    "404": "No model has this name.",
    "408": "The body did not arrive in time.",
    "413": "The body, the sentences or the tokens are more than the limit.",
    "415": "The body is compressed.",
    "422": "The input cannot be read; each fault has its place.",
    "429": "Too many requests are under way; try again after the seconds of Retry-After.",
    "500": "The service has a fault; its log says where.",
    "504": "The prediction took too long.",
}


def _json(schema: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema, **further}}}


PREDICT_BODIES: dict[str, Any] = {
    "description": "Takes and answers what relx predict does. A list is answered by a list, in its order.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_INPUT, {"type": "array", "items": _INPUT}]},
                "example": {"text": "Ada Lovelace was born in London."},
            },
            "text/plain": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "responses": {
        "200": {"description": "The prediction.", **_json({"anyOf": [_ANSWER, {"type": "array", "items": _ANSWER}]})},
        **{status: {"description": text, **_json(_ERROR)} for status, text in _STATUSES.items()},
    },
}


class Intake:
    """Take the requests of a service; ``draining`` says that it takes no more."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.limits = service.limits
        self.draining = False
        self._pool = ThreadPoolExecutor(self.limits.queue, thread_name_prefix="relx-request")

    @property
    def ready(self) -> bool:
        """Whether a request would be answered now."""
        batcher = self.service.batcher
        return not self.draining and batcher.alive and batcher.under_way < self.limits.queue

    async def body(self, request: Request) -> bytes:
        """Return the body. Raises Refused for one that is too large, or that does not arrive in time."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "compressed bodies are not read; send the text itself", close=True)
        declared = request.headers.get("content-length", "0")
        size = int(declared) if declared.isdigit() else 0
        too_large = Refused(413, f"the body has more than {self.limits.body:,} bytes; divide it", close=True)
        if size > LARGEST_DISCARDED or (size > self.limits.body and "expect" in request.headers):
            raise too_large
        try:
            body = await asyncio.wait_for(_read(request, self.limits.body), self.limits.seconds)
        except asyncio.TimeoutError:
            raise Refused(408, f"the body did not arrive within {self.limits.seconds:g} s", close=True) from None
        if body is None:
            raise too_large
        return body

    async def run(self, work: Callable[[float], T]) -> T:
        """Return what work returns, which gets its deadline. Raises Refused if too many run, or it takes too long."""
        batcher, start = self.service.batcher, monotonic()
        if not batcher.enter(self.limits.queue):
            raise Refused(429, f"{counted(self.limits.queue, 'request')} are under way already; try again later")

        def counted_work() -> T:
            try:
                return work(start + self.limits.seconds)
            finally:
                batcher.leave()
                self.service.metrics.seconds.observe(monotonic() - start)

        running = asyncio.get_running_loop().run_in_executor(self._pool, counted_work)
        running.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it any more
        try:
            return await asyncio.wait_for(asyncio.shield(running), self.limits.seconds)
        except (asyncio.TimeoutError, OutOfTime):
            raise Refused(504, f"the prediction took more than {self.limits.seconds:g} s; send less at once") from None

    def close(self) -> None:
        """End the threads, when no request is under way."""
        self._pool.shutdown(wait=False)
        self.service.batcher.stop()


def media_type_of(request: Request) -> str:
    """Return what the body of a request is, without parameters such as the encoding."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def respond(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of JSON that UTF-8 can hold."""
    return Response(json_text(content), status, headers, JSON)


async def _read(request: Request, most: int) -> bytes | None:
    """Return the body, or None for one of more than ``most`` bytes."""
    body, received = bytearray(), 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= most:
            body += chunk
        elif received > LARGEST_DISCARDED:
            break
    return bytes(body) if received <= most else None
