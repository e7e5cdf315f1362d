"""Import relx's files into real annotation tools and export them again.

``python benchmarks/annotation_tools.py --label-studio ENVIRONMENT --doccano ENVIRONMENT``, where an environment is the
folder of a virtual environment in which the tool is installed (they need other versions of Django than each other).
Each tool runs as a server of its own in a temporary folder. A corpus with nested and overlapping mentions, emoji and
Windows line ends is imported through the tool's interface for programs, exported, read, and compared.
"""

import argparse
import io
import json
import os
import subprocess
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example, Relation
from relx.data.json_form import example_from_json
from relx.readers import make_reader

USER, PASSWORD = "relx@example.org", "relx-secret-1"
WAIT = 180.0


def corpus() -> list[Example]:
    """Sentences with what tends to get lost."""
    records: list[dict[str, Any]] = [
        {
            "id": "plain", "text": "Ann Lee moved to Lyon.", "meta": {"document": "d", "start": 7},
            "entities": [[0, 7, "PER", 0.75], [17, 21, "LOC", 0.5]], "relations": [[0, "lives_in", 1, 0.25]],
        },
        {
            "id": "nested", "text": "Bank of New York, New York", "meta": {"own": [1, {"a": None}]},
            "entities": [[0, 16, "ORG", 0.9], [8, 16, "LOC", 0.8], [8, 26, "LOC", 0.1], [18, 26, "LOC", 0.7]],
            "relations": [[0, "in", 3, 0.6], [1, "same", 3, 0.5], [3, "same", 1, 0.5]],
        },
        {
            "id": "emoji",
            "text": "\U0001f600 Mira \U0001f469\u200d\U0001f52c runs Acme.\r\nShe is in \u4e2d\u56fd, as\tHolt says.",
            "entities": [[2, 6, "PER", 0.9], [16, 20, "ORG", 0.4], [33, 35, "LOC", 0.3], [40, 44, "PER", 0.2]],
            "relations": [[0, "runs", 1, 0.5], [0, "lives_in", 2, 0.125]],
        },
        {
            "id": "cut", "text": "The U.S.-born Bo left.",
            "entities": [[4, 8, "LOC", 0.5], [14, 16, "PER", 0.5]], "relations": [],
        },
        {"id": "empty", "text": "Nothing here.", "entities": [], "relations": []},
    ]  # fmt: skip
    for record in records:
        record["entities"] = [{"characters": [s, e], "type": type, "score": p} for s, e, type, p in record["entities"]]
        record["relations"] = [
            {"head": h, "type": type, "tail": t, "score": p} for h, type, t, p in record["relations"]
        ]
    return [example_from_json(record, WhitespaceTokenizer()) for record in records]


class Session:
    """A server's pages, with the cookies and the token that Django wants."""

    def __init__(self, address: str) -> None:
        self.address, self.cookies = address, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> bytes:
        with self.opener.open(self.address + path, timeout=60) as answer:
            return bytes(answer.read())

    def post(self, path: str, content: bytes, kind: str = "application/json", token: str | None = None) -> bytes:
        token = token or next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "") or ""
        headers = {"Content-Type": kind, "X-CSRFToken": token, "Referer": self.address + path}
        with self.opener.open(Request(self.address + path, content, headers), timeout=60) as answer:
            return bytes(answer.read())

    def post_json(self, path: str, value: Any) -> Any:
        return json.loads(self.post(path, json.dumps(value).encode()) or b"null")


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with open(log, "wb") as output:
        started = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(30)


def until_it_answers(session: Session, path: str, log: Path) -> None:
    """Wait until a server answers. Exits with the end of its log if it does not."""
    end = time.monotonic() + WAIT
    while True:
        try:
            session.get(path)
            return
        except (URLError, ConnectionError, TimeoutError):
            if time.monotonic() > end:
                raise SystemExit(f"no answer from {session.address}:\n{log.read_text()[-2000:]}") from None
            time.sleep(1)


def label_studio(environment: str, folder: Path) -> None:
    """Annotations and predictions of Label Studio."""
    settings = {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0"}
    account = ["--username", USER, "--password", PASSWORD]
    command = [str(Path(environment, "bin", "label-studio")), "start", "--no-browser", "--port", "8871", *account]
    session, log = Session("http://127.0.0.1:8871"), folder / "log.txt"
    with process(command, settings | {"SENTRY_DSN": ""}, log):
        until_it_answers(session, "/health", log)
        session.get("/user/login/")
        form = urlencode({"email": USER, "password": PASSWORD}).encode()
        session.post("/user/login/", form, "application/x-www-form-urlencoded")
        version = json.loads(session.get("/api/version"))["release"]
        for labels in ("gold", "predicted"):
            reader, tasks = make_reader({"type": "labelstudio", "labels": labels}), folder / f"{labels}.json"
            reader.write(corpus(), tasks)
            interface = (folder / f"{labels}.interface.xml").read_text(encoding="utf-8")
            project = session.post_json("/api/projects", {"title": labels, "label_config": interface})["id"]
            session.post(f"/api/projects/{project}/import", tasks.read_bytes())
            found = folder / f"{labels}.export.json"
            if labels == "gold":
                found.write_bytes(session.get(f"/api/projects/{project}/export?exportType=JSON"))
            else:  # the export has the numbers of predictions alone
                answer = json.loads(session.get(f"/api/tasks?project={project}&fields=all&page_size=100"))
                found.write_text(json.dumps(answer["tasks"]))
            report(f"Label Studio {version}, {labels}", corpus(), list(reader.read(found)))


def doccano(environment: str, folder: Path) -> None:
    """Entities and relations of doccano, which keeps no scores and gives mentions new ids."""
    binary = str(Path(environment, "bin", "doccano"))
    settings = {"DOCCANO_HOME": str(folder), "CELERY_BROKER_URL": f"sqla+sqlite:///{folder}/broker.sqlite3"}
    account = ["--username", "relx", "--password", PASSWORD, "--email", USER]
    for command in (["init"], ["createuser", *account]):
        subprocess.run([binary, *command], env={**os.environ, **settings}, check=True, capture_output=True)
    log, reader, lines = folder / "log.txt", make_reader("doccano"), folder / "all.jsonl"
    reader.write(corpus(), lines)
    session = Session("http://127.0.0.1:8872")
    with (
        process([binary, "webserver", "--port", "8872", "--workers", "1"], settings, log),
        process([binary, "task", "--concurrency", "1"], settings, folder / "task.txt"),
    ):
        until_it_answers(session, "/v1/health/?format=json", log)
        session.post_json("/v1/auth/login/", {"username": "relx", "password": PASSWORD})
        project = session.post_json(
            "/v1/projects",
            {
                "name": "relx", "description": "x", "guideline": "", "project_type": "SequenceLabeling",
                "resourcetype": "SequenceLabelingProject", "allow_overlapping": True, "use_relation": True, "tags": [],
            },
        )["id"]  # fmt: skip
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="filepond"; filename="all.jsonl"\r\n\r\n'
        form = head.encode() + lines.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        upload = session.post("/v1/fp/process/", form, f"multipart/form-data; boundary={boundary}").decode()
        columns = {"column_data": "text", "column_label": "label", "encoding": "utf_8", "delimiter": ","}
        request = {"format": "JSONL", "task": "RelationExtraction", "uploadIds": [upload], **columns}
        task = session.post_json(f"/v1/projects/{project}/upload", request)["task_id"]
        while not (status := json.loads(session.get(f"/v1/tasks/status/{task}")))["ready"]:
            time.sleep(1)
        print(f"doccano imported: {status}")
        export = f"/v1/projects/{project}/download"
        task = session.post_json(export, {"format": "JSONL", "exportApproved": False})["task_id"]
        while (content := session.get(f"{export}?taskId={task}")).startswith(b'{"status"'):
            time.sleep(1)
    with zipfile.ZipFile(io.BytesIO(content)) as exported:
        (folder / "export.jsonl").write_bytes(exported.read(exported.namelist()[0]))
    found = [without_what_doccano_changes(example) for example in reader.read(folder / "export.jsonl")]
    gold = [without_what_doccano_changes(example) for example in corpus()]
    (version,) = Path(environment).glob("lib/python*/site-packages/doccano-*.dist-info")
    report(f"{version.stem}, but for scores and ids of mentions", gold, found)


def without_what_doccano_changes(example: Example) -> Example:
    """The sentence without scores, ids of mentions and comments, its labels in the order of the text."""

    def plain(entity: Entity) -> Entity:
        return entity._replace(score=None, id=None)

    relations = [Relation(plain(r.head), r.type, plain(r.tail)) for r in example.relations]
    meta = {key: value for key, value in (example.meta or {}).items() if key != "Comments"}
    return replace(
        example, entities=sorted(map(plain, example.entities), key=str), relations=sorted(relations, key=str), meta=meta
    )


def report(what: str, gold: list[Example], found: list[Example]) -> None:
    """Say which sentences came back otherwise."""
    by_id = {example.id: example for example in found}
    changed = [example.id for example in gold if by_id.get(example.id) != example]
    print(f"{what}: {len(gold) - len(changed)} of {len(gold)} sentences came back equal")
    for id in changed:
        (before,) = [example for example in gold if example.id == id]
        print(f"  {id}: {before}\n    {by_id.get(id)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-studio", metavar="ENVIRONMENT")
    parser.add_argument("--doccano", metavar="ENVIRONMENT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("label_studio", "doccano"):
            Path(folder, name).mkdir()
        if arguments.label_studio:
            label_studio(arguments.label_studio, Path(folder, "label_studio"))
        if arguments.doccano:
            doccano(arguments.doccano, Path(folder, "doccano"))


if __name__ == "__main__":
    main()
