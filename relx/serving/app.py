"""The web application and its server: its paths, who may use them, how errors are answered, and its connections."""

import asyncio
import hmac
import logging
import signal
import socket
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import FrameType
from typing import Annotated
from urllib.parse import urlsplit

import h11
import uvicorn
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from relx.errors import RelxError
from relx.predictors.predictor import NoMemory
from relx.registry import nearest
from relx.serving.intake import PREDICT_BODIES, Intake, media_type_of, respond
from relx.serving.page import Review, add_page
from relx.serving.service import Answer, Limits, Options, Refused, Service
from relx.utils.text import printable
from relx.version import __version__

logger = logging.getLogger(__name__)

OPEN = frozenset(("/health", "/ready", "/", "/docs", "/openapi.json"))
STATIC = "/static/"
QUIET = frozenset(("/health", "/ready", "/metrics"))
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
OPTIONS = frozenset(Options.__dataclass_fields__)
LONGEST_SHOWN = 100
HEAD_SECONDS = 10.0
MOST_CONNECTIONS = 1_000
LARGEST_HEAD = 32_768
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Who may use a server: those who know the ``token``, if there is one, and pages of these ``origins``.

    With ``local`` a request has to name this machine as its host, which a page of a stranger's domain cannot do.
    """

    token: str | None = None
    origins: Sequence[str] = ()
    local: bool = True

    def require(self, request: Request) -> None:
        """Raise Refused for a page of another site, for a foreign host name, and without the token."""
        host, origin, path = request.headers.get("host", ""), request.headers.get("origin"), request.url.path
        if origin is not None and origin not in self.origins and urlsplit(origin).netloc != host:
            raise Refused(403, "pages of other sites may not use this service; relx serve --cors ORIGIN allows one")
        if self.local and _hostname(f"//{host}") not in LOOPBACK | {_hostname(origin) for origin in self.origins}:
            raise Refused(403, "this service answers for this machine alone; relx serve --host 0.0.0.0 changes this")
        if self.token is None or path in OPEN or path.startswith(STATIC):
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not known:
            raise Refused(401, "expected the header Authorization: Bearer TOKEN, with the token of this service")


class Gate:
    """Let requests pass that may, turn errors into answers, count, and log; with ``log_text`` also what errors say."""

    def __init__(self, app: ASGIApp, service: Service, access: Access, log_text: bool) -> None:
        self.app = app
        self.service = service
        self.access = access
        self.log_text = log_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, request, status = monotonic(), Request(scope), 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        try:
            self.access.require(request)
            await self.app(scope, receive, answered)
        except Exception as error:
            if status:  # the answer has begun; all that is left is to end the connection
                raise
            await self._answer_to(error, request)(scope, receive, answered)
        path = request.url.path
        self.service.metrics.requests.labels(getattr(scope.get("route"), "path", "other"), status).inc()
        if path not in QUIET:
            took = f"{1000 * (monotonic() - start):.0f} ms"
            logger.info("%s %s %d %s", request.method, printable(path, LONGEST_SHOWN), status, took)

    def _answer_to(self, error: Exception, request: Request) -> Response:
        if isinstance(error, Refused):
            return _refusal(error)
        if isinstance(error, ClientDisconnect):
            return respond({"error": "the request ended early"}, 400, {"connection": "close"})
        if isinstance(error, NoMemory):
            return respond({"error": str(error)}, 413)
        where = "".join(traceback.format_tb(error.__traceback__))
        what = f"{type(error).__name__}: {error}" if self.log_text else type(error).__name__
        logger.error("%s %s failed: %s\n%s", request.method, printable(request.url.path, LONGEST_SHOWN), what, where)
        return respond({"error": "the service has a fault; its log says where"}, 500)


def make_app(service: Service, access: Access, log_text: bool = False, review: Review | None = None) -> FastAPI:
    """Return the application that serves the models of a service; ``app.state.intake`` takes its requests."""
    intake = Intake(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        intake.close()

    app = FastAPI(title="relx", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.intake = intake
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_query)
    _add_predict(app, intake, log_text)
    _add_facts(app, intake)
    add_page(app, intake, review)
    app.add_middleware(Gate, service=service, access=access, log_text=log_text)
    if access.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=access.origins, allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )  # fmt: skip
    return app


def _add_predict(app: FastAPI, intake: Intake, log_text: bool) -> None:
    async def predict(
        request: Request,
        model: Annotated[str | None, Query(description="The name of a model; by default the first one.")] = None,
        sentences: Annotated[bool, Query(description="Do not split texts: each text is one sentence.")] = False,
        window: Annotated[int, Query(ge=1, le=16, description="Sentences that are read at once.")] = 1,
        min_score: Annotated[list[str], Query(description="SCORE or NAME=SCORE; may be repeated.")] = [],  # noqa: B006
        raw_scores: Annotated[bool, Query(description="As if the model were not calibrated.")] = False,
        given_entities: Annotated[bool, Query(description="Relate the entities that the input holds.")] = False,
    ) -> Response:
        for name in request.query_params:
            if name not in OPTIONS:
                raise Refused(422, f"query.{name}: no such option{nearest(name, OPTIONS)}")
        options = Options(model, sentences, window, tuple(min_score), raw_scores, given_entities)
        body = await intake.body(request)
        if log_text:
            logger.info("text: %s", printable(body.decode(errors="replace")))
        answer: Answer = await intake.run(partial(intake.service.predict, body, media_type_of(request), options))
        headers = {"relx-notes": "; ".join(answer.notes)} if answer.notes else {}
        return Response(answer.content, 200, headers, answer.media_type)

    app.post("/predict", summary="Extract entities and relations", openapi_extra=PREDICT_BODIES)(predict)


def _add_facts(app: FastAPI, intake: Intake) -> None:
    service = intake.service

    async def health() -> Response:
        return respond({"status": "alive"})

    async def ready() -> Response:
        return respond({"status": "ready"}) if intake.ready else respond({"status": "not ready"}, 503)

    async def models() -> Response:
        return respond({"models": [{"name": name, **facts} for name, facts in service.facts.items()]})

    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    app.get("/health", summary="Whether the process answers")(health)
    app.get("/ready", summary="Whether a prediction would be taken now; if not, the status is 503")(ready)
    app.get("/models", summary="Labels, scores, protocols and date of each model")(models)
    app.get("/metrics", summary="Counts for Prometheus")(metrics)


def _refusal(error: Refused) -> Response:
    headers = {"retry-after": "1"} if error.status == 429 else {}
    headers |= {"connection": "close"} if error.close else {}
    headers |= {"www-authenticate": "Bearer"} if error.status == 401 else {}
    return respond({"error": str(error), **({"faults": error.faults} if error.faults else {})}, error.status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return respond({"error": error.detail}, error.status_code, error.headers)


async def _bad_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return respond({"error": "; ".join(faults)}, 422)


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # an address with a bracket too many
        return None


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that answers 408 to a head that does not arrive in time, and 400 to a request that ends early."""

    head_seconds = HEAD_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the head of a request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._begun = True
        super().data_received(data)

    def handle_events(self) -> None:
        """Take what the bytes say, and wait for the rest of a head if they end in one."""
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
            self._begun = False
        elif self._timer is None and self._begun:
            self._timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a request that ends early; keep the connection of a client that has said all and waits."""
        if self.conn.their_state is h11.SEND_BODY or (self.conn.their_state is h11.IDLE and self._begun):
            self._refuse(400, "Bad Request", "the request ended early")
            return None
        return self.cycle is not None and not self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._begun:
            self._refuse(408, "Request Timeout", f"the head did not arrive within {self.head_seconds:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, reason: str, message: str) -> None:
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            body = f'{{"error": "{message}"}}'
            head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        self.transport.close()


class Server(uvicorn.Server):
    """A server that SIGTERM and SIGINT end: it takes no more connections, and answers what is under way."""

    def __init__(self, app: FastAPI, limits: Limits) -> None:
        self.intake = app.state.intake
        super().__init__(
            uvicorn.Config(
                app, http=BoundedProtocol, ws="none", log_config=None, access_log=False, server_header=False,
                proxy_headers=False, limit_concurrency=MOST_CONNECTIONS, h11_max_incomplete_event_size=LARGEST_HEAD,
                timeout_graceful_shutdown=round(limits.seconds) + 1,
            )
        )  # fmt: skip

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests."""
        self.intake.draining = True
        logger.info("stops when %d requests under way are answered", self.intake.service.batcher.under_way)
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take both signals while the server runs; they end it with success."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises RelxError for an address that cannot be used."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise RelxError(f"--host {host} --port {port}: cannot be used: {error}") from None


def run(app: FastAPI, limits: Limits, listening: socket.socket) -> None:
    """Serve until a signal ends it."""
    Server(app, limits).run(sockets=[listening])
