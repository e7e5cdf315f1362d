"""Servers as processes of their own, and requests to them."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import tiny
from forks import Forked

PLACE = re.compile(r"at http://([\d.]+):(\d+) ")


@dataclass
class Running:
    """A server that listens."""

    process: Forked
    port: int
    log: str = ""

    def ask(self, path: str, body: Any = None, method: str = "", **headers: str) -> "Reply":
        """Send a request; a body that is neither text nor bytes is sent as JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        encoded = content.encode() if isinstance(content, str) else content
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, encoded, named)
        response = connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return reply

    def raw(self, *pieces: bytes, end: bool = False) -> "Reply":
        """Send bytes, with ``end`` close this side, and return what is answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for piece in pieces:
                connection.sendall(piece)
            if end:
                connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return Reply(int(head.split()[1]) if head else 0, {}, body)

    def stop(self) -> int:
        """End the server by SIGTERM; return its exit code and keep what it has printed in ``log``."""
        self.process.send_signal(15)
        self.log += self.process.communicate()[1]
        return self.process.wait()


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def serving(*arguments: object) -> Iterator[Running]:
    """A server on a free port, which is killed at the end if it lives."""
    process = tiny.start("serve", *arguments, "--port", 0, stderr=subprocess.PIPE)
    assert process.stderr is not None
    log = ""
    while (found := PLACE.search(log)) is None:
        line = process.stderr.readline()
        assert line, log
        log += line
    try:
        yield Running(process, int(found[2]), log)
    finally:
        process.kill()
