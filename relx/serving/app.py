"""The web application: its paths, who may use them, and how errors are answered."""

import hmac
import logging
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relx.predictors.predictor import NoMemory
from relx.registry import nearest
from relx.serving import openapi
from relx.serving.intake import Intake, media_type_of, respond
from relx.serving.page import add_page
from relx.serving.review import Review
from relx.serving.service import Answer, Options, Refused, Service
from relx.utils.text import printable
from relx.version import __version__

logger = logging.getLogger(__name__)

OPEN = frozenset(("/health", "/ready", "/", "/docs", "/openapi.json"))
STATIC = "/static/"
QUIET = frozenset(("/health", "/ready", "/metrics"))
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
OPTIONS = frozenset(Options.__dataclass_fields__)
LONGEST_SHOWN = 100
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

    app.post("/predict", summary="Extract entities and relations", openapi_extra=openapi.PREDICT)(predict)


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
