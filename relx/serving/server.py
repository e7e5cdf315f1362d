"""The server process: connections that are bounded in number and time, signals, and what it prints."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from relx.errors import RelxError
from relx.serving.service import Limits

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
MOST_CONNECTIONS = 1_000
LARGEST_HEAD = 32_768


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
