"""``relx serve`` under load and under attack: ``python benchmarks/serve.py ARCHIVE CORPUS [--requests 10000]``.

Starts a server as a process of its own. Many clients, each with one connection, send the sentences of a corpus, one in
each request: errors, the time of a request, requests per second beside a ``Predictor`` that predicts one by one in one
thread, and the memory of the server after a tenth of the requests and after all. Then hostile requests, each of which
has to be answered by a status of 4xx, after which the server has to give the answers that it gave before.
"""

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time, sleep

from synthetic import seconds

from relx.predictors.predictor import Predictor
from relx.readers import read

TOKEN = "benchmark"
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer benchmark\r\n"


class Server:
    """A server process that asks for a token."""

    def __init__(self, archive: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        token = Path(self.folder.name, "token")
        token.write_text(TOKEN)
        self.log = open(Path(self.folder.name, "log"), "w+")  # noqa: SIM115
        command = [sys.executable, "-m", "relx", "serve", archive, "--port", "0", "--token-file", str(token)]
        self.process = subprocess.Popen(command, stderr=self.log)
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", Path(self.log.name).read_text())):
            assert self.process.poll() is None, "the server does not start"
            sleep(0.1)
        self.port = int(found[1])

    def memory(self) -> float:
        """The resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def seconds(self) -> float:
        """The CPU time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def sentences_in_a_batch(self) -> float:
        """The mean number of sentences that were predicted together."""
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/metrics", headers=HEADERS)
        text = connection.getresponse().read().decode()
        found = dict(re.findall(r"^relx_batch_sentences_(sum|count) ([\d.e+]+)$", text, re.MULTILINE))
        return float(found["sum"]) / float(found["count"])

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        print(f"exit code {self.process.wait()}")


def ask(connection: HTTPConnection, body: bytes) -> tuple[int, bytes]:
    """Send one request over a connection that stays open."""
    connection.request("POST", "/predict", body, HEADERS)
    response = connection.getresponse()
    return response.status, response.read()


def one_by_one(archive: str, records: list[dict[str, list[str]]]) -> tuple[float, float]:
    """Requests per second, and the CPU time of each, of a predictor in this process."""
    predictor = Predictor.load(archive)
    predictor.predict(records[:20])
    start = process_time()
    took = seconds(lambda: [predictor.predict(record) for record in records])
    return len(records) / took, (process_time() - start) / len(records)


def load(server: Server, bodies: list[bytes], clients: int) -> tuple[list[float], Counter[int], float]:
    """The times of all requests, their statuses, and how long they took together."""
    left, lock = iter(bodies), threading.Lock()
    times: list[float] = []
    statuses: Counter[int] = Counter()

    def client() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                return
            start = perf_counter()
            status, _ = ask(connection, body)
            times.append(perf_counter() - start)
            statuses[status] += 1

    threads = [threading.Thread(target=client) for _ in range(clients)]
    took = seconds(lambda: ([thread.start() for thread in threads], [thread.join() for thread in threads]))
    return sorted(times), statuses, took


def raw(port: int, *pieces: bytes, pause: float = 0.0, end: bool = False) -> int:
    """Send pieces of bytes and return the status of the answer, 0 for none."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                sleep(pause)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has answered before everything was sent
        answer = connection.recv(64)
    return int(answer.split()[1]) if answer else 0


def body_of(content: bytes) -> bytes:
    """A whole request."""
    return HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content) + content


WRONG = [b"5", b"[5]", b'{"tokens": "a"}', b'{"text": {}}', b"null"]
CUT = b'{"text": "Ada was born in Rome"}'
SHORT = b"Content-Length: 999\r\n\r\n"
FOREIGN = b'Origin: http://evil\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"a"'
ATTACKS: dict[str, Callable[[int, random.Random], int]] = {
    "truncated body": lambda port, r: raw(port, HEAD + SHORT + b"x" * r.randrange(900), end=True),
    "cut JSON": lambda port, r: raw(port, body_of(CUT[: r.randrange(1, 30)])),
    "wrong type": lambda port, r: raw(port, body_of(r.choice(WRONG))),
    "invalid UTF-8": lambda port, r: raw(port, body_of(b'"' + bytes([r.randrange(0xC0, 0x100)]) + b'"')),
    "deep nesting": lambda port, r: raw(port, body_of(b"[" * r.randrange(2000, 100_000))),
    "wrong token": lambda port, r: raw(port, body_of(b'"a"').replace(b"mark", b"mar" + bytes([r.randrange(97, 107)]))),
    "no HTTP": lambda port, r: raw(port, r.randbytes(200) + b"\r\n\r\n", end=True),
    "bad length": lambda port, r: raw(port, HEAD + b"Content-Length: -5\r\n\r\n"),
    "bad chunk": lambda port, r: raw(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "large head": lambda port, r: raw(port, HEAD + b"X: " + b"x" * 100_000),
    "foreign page": lambda port, r: raw(port, HEAD + FOREIGN),
    "unknown option": lambda port, r: raw(port, body_of(b'"a"').replace(b"/predict", b"/predict?x=1")),
}
COSTLY: dict[str, tuple[int, Callable[[int, random.Random], int]]] = {
    "50 MB": (10, lambda port, r: raw(port, body_of(b"x" * 50_000_000))),
    "slow head": (10, lambda port, r: raw(port, HEAD, *[b"X"] * 24, pause=0.5)),
}


def attack(server: Server, count: int) -> None:
    """Print how each kind of hostile request was answered."""
    chance, found = random.Random(1), Counter[tuple[str, int]]()
    planned = [name for name, (times, _) in COSTLY.items() for _ in range(times)]
    planned += islice(cycle(ATTACKS), count - len(planned))
    left, lock = iter(planned), threading.Lock()

    def attacker() -> None:
        while True:
            with lock:
                name = next(left, None)
            if name is None:
                return
            how = ATTACKS[name] if name in ATTACKS else COSTLY[name][1]
            found[name, how(server.port, chance)] += 1

    threads = [threading.Thread(target=attacker) for _ in range(16)]
    took = seconds(lambda: ([thread.start() for thread in threads], [thread.join() for thread in threads]))
    for (name, status), times in sorted(found.items()):
        print(f"{name:16} {status} {times:5}")
    wrong = sum(times for (_, status), times in found.items() if not 400 <= status < 500)
    print(f"{found.total()} hostile requests in {took:.0f} s, {wrong} without an answer of 4xx")


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive")
    parser.add_argument("corpus")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--singly", type=int, default=500, help="how many sentences to predict one by one")
    parser.add_argument("--hostile", type=int, default=1_000)
    arguments = parser.parse_args()
    records = [{"tokens": example.tokens} for example in read(arguments.corpus)]
    alone, alone_cpu = one_by_one(arguments.archive, [*islice(cycle(records), arguments.singly)])
    print(f"one by one      {alone:7.1f} requests/s, CPU {1000 * alone_cpu:.2f} ms a request")
    server = Server(arguments.archive)
    bodies = [json.dumps(record).encode() for record in islice(cycle(records), arguments.requests)]
    before = ask(HTTPConnection("127.0.0.1", server.port), bodies[0])
    tenth = arguments.requests // 10
    load(server, bodies[:tenth], arguments.clients)
    memory, used = server.memory(), server.seconds()
    times, statuses, took = load(server, bodies[tenth:], arguments.clients)
    rate = len(times) / took
    middle, late = (1000 * times[int(len(times) * share)] for share in (0.5, 0.95))
    print(f"{arguments.clients} clients      {rate:7.1f} requests/s, {rate / alone:.1f} times as many")
    print(f"{server.sentences_in_a_batch():.1f} sentences in a batch on average")
    print(f"p50 {middle:.0f} ms, p95 {late:.0f} ms; statuses {dict(statuses)}")
    cpu = (server.seconds() - used) / len(times)
    print(
        f"CPU of the server {1000 * cpu:.2f} ms a request: {alone_cpu / cpu:.1f} times as many requests in a CPU second"
    )
    grown = server.memory() / memory - 1
    print(f"memory {memory:.0f} MiB after {tenth:,} requests, {grown:+.1%} after {arguments.requests:,}")
    attack(server, arguments.hostile)
    after = ask(HTTPConnection("127.0.0.1", server.port), bodies[0])
    print(f"the same answer as before: {after == before}; memory {server.memory():.0f} MiB")
    server.stop()


if __name__ == "__main__":
    main()
