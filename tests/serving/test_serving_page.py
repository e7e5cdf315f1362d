"""The page: what its script asks the server for, and the page itself in a real browser."""

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Running, serving

from relx.commands import main
from relx.readers import make_reader, read
from relx.utils import drawing

pytest.importorskip("fastapi")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OWN = re.compile(r"http://127\.0\.0\.1:|data:|blob:")
TEXT = "Ann Lee was born in New York . Bob works in Oslo now ."
# Two sentences are asked for before the first one is there.
QUICKLY = """() => [1, 2].forEach((value) => {
  const field = document.getElementById("number");
  field.value = value;
  field.dispatchEvent(new Event("change"));
})"""
SUGGESTED = [
    {
        "id": name,
        "tokens": ["Ann", "Lee", "left", "Rome", "for", "Oslo", "."],
        "entities": [{"start": 0, "end": 2, "type": "PER", "score": 0.9}, {"start": 3, "end": 4, "type": "LOC"}],
        "relations": [{"head": 0, "type": "born_in", "tail": 1, "score": 0.4}],
        "meta": {"own": 1},
    }
    for name in ("first", "second", "third")
]


@pytest.fixture
def suggestions(tmp_path: Path) -> Path:
    path = tmp_path / "suggested.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in SUGGESTED))
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must not log an error or ask another server."""
    opened = browser.new_page(viewport={"width": 1000, "height": 900}, accept_downloads=True)
    opened.set_default_timeout(10_000)
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: None if OWN.match(request.url) else faults.append(request.url))
    yield opened
    opened.close()
    assert faults == []


def export(server: Running, records: list[Any], form: str) -> tuple[str, bytes]:
    reply = server.ask(f"/page/export?form={form}", records)
    assert reply.status == 200, reply.body
    return reply.headers["content-disposition"], reply.body


def test_the_pages_load_nothing_from_elsewhere(server: Running) -> None:
    for path in ("/", "/docs", "/static/page.js", "/static/docs.js", "/static/page.css"):
        reply = server.ask(path)
        assert reply.status == 200 and "default-src 'none'" in reply.headers["content-security-policy"]
        assert b"http://" not in reply.body and b"https://" not in reply.body and b"<script>" not in reply.body
    assert drawing.STYLE.encode() in server.ask("/static/page.css").body


def test_candidates_and_those_that_the_model_chooses(server: Running) -> None:
    cards = server.ask("/page/suggest", TEXT, Content_Type="text/plain").json["sentences"]
    assert [card["record"]["id"] for card in cards] == ["text:1", "text:2"]
    assert cards[0]["record"]["relations"][0]["type"] == "born_in" and cards[0]["chosen"]["relations"][0]
    both = server.ask("/page/suggest", [{"id": "a", "text": "Ann left ."}, {"tokens": ["Bob"], "id": "b"}]).json
    assert [card["record"]["id"] for card in both["sentences"]] == ["a:1", "b"]


def test_drawings_are_numbered_and_bad_ones_are_refused(server: Running) -> None:
    spans = [{"start": 0, "end": 1, "type": "PER"}, {"start": 1, "end": 2, "type": "LOC", "look": "accepted"}]
    asked = {
        "tokens": ["<b>", "Rome"],
        "glued": [],
        "types": [],
        "spans": spans,
        "arcs": [{"head": 0, "tail": 1, "type": "x"}],
    }
    [svg] = server.ask("/page/draw", [asked]).json
    assert 'class="s c0" data-number="0"' in svg and 'class="a" data-number="0"' in svg and "&lt;b&gt;" in svg
    for key, value, error in (
        ("spans", [{"start": 0, "end": 5, "type": "x"}], "[0].spans[0]: expected 0 <= start < end <= 2"),
        ("spans", [{**spans[0], "look": '"><script>'}], "[0].spans[0].look: expected lower-case letters"),
        ("arcs", [{"head": 0, "tail": 2, "type": "x"}], "[0].arcs[0]: expected the numbers of two of the 2 spans"),
        ("tokens", [5], "[0].tokens[0]: expected a string"),
    ):
        reply = server.ask("/page/draw", [{**asked, key: value}])
        assert (reply.status, error in reply.json["error"]) == (422, True), reply.json


def test_downloads_are_what_the_writers_write(server: Running, tmp_path: Path) -> None:
    name, content = export(server, SUGGESTED, "jsonl")
    assert name == 'attachment; filename="relx.jsonl"'
    (tmp_path / "relx.jsonl").write_bytes(content)
    examples = list(read(tmp_path / "relx.jsonl"))
    assert [example.id for example in examples] == ["first", "second", "third"]
    assert examples[0].relations[0].type == "born_in"
    for form in ("labelstudio", "brat"):
        name, content = export(server, SUGGESTED, form)
        assert name == f'attachment; filename="{form}.zip"'
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            packed.extractall(tmp_path / form)
    again = list(make_reader("labelstudio").read(tmp_path / "labelstudio" / "tasks.json"))
    assert [(e.entities, e.relations) for e in again] == [(e.entities, e.relations) for e in examples]
    assert sorted(path.suffix for path in (tmp_path / "brat" / "brat").iterdir())[0] == ".ann"
    assert server.ask("/page/export?form=doc", SUGGESTED).status == 422
    reply = server.ask("/page/export?form=jsonl", [SUGGESTED[0], {"tokens": 5}])
    assert reply.json["error"] == "[1].tokens: expected a list, got 5"


def test_a_page_in_the_browser(server: Running, page: Any, tmp_path: Path) -> None:
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.fill("#text", TEXT)
    page.click("#predict")
    page.wait_for_selector("article:nth-of-type(2)")
    assert page.locator("article").count() == 2
    first = page.locator("article").first
    assert first.locator(".a").count() == 1 and first.locator(".s").count() == 2

    first.locator(".a").focus()  # correct a triple with the keyboard
    page.keyboard.press("Enter")
    page.fill("#label", "died_in")
    page.click("#swap")
    page.click("#save")
    page.wait_for_selector("article li.accepted")
    assert "New York → died_in → Ann Lee" in first.locator("li.accepted").first.inner_text()

    second = page.locator("article").nth(1)
    second.locator("li").first.focus()
    page.keyboard.press("r")
    page.wait_for_selector("article:nth-of-type(2) li.rejected")
    assert second.locator(".a").count() == 0

    second.get_by_role("button", name="Add a mention").click()
    for word in ("works", "now"):
        page.locator("#words").get_by_role("button", name=word, exact=True).click()
    page.fill("#type", "JOB")
    page.click("#save")
    second.get_by_text("JOB").first.wait_for()

    page.locator("#score").fill("1")
    page.locator("#score").dispatch_event("change")
    second.locator(".s").nth(1).wait_for(state="detached")
    assert second.locator(".s").count() == 1
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "relx.jsonl")
    one, two = read(tmp_path / "relx.jsonl")
    assert [(one.token_text(r.head), r.type, one.token_text(r.tail), r.score) for r in one.relations] == [
        ("New York", "died_in", "Ann Lee", None)
    ]
    assert [(two.token_text(entity), entity.type) for entity in two.entities] == [("works in Oslo now", "JOB")]
    assert two.relations == []


def test_a_review_in_the_browser_goes_on_after_a_restart(
    archive: str, suggestions: Path, page: Any, tmp_path: Path
) -> None:
    output = tmp_path / "suggested.reviewed.jsonl"
    with serving(archive, "--review", suggestions) as running:
        page.goto(f"http://127.0.0.1:{running.port}/")
        page.wait_for_selector("article")
        page.locator("article li").first.focus()
        page.keyboard.press("r")
        page.wait_for_selector("article li.rejected")
        page.keyboard.press("Control+Enter")
        page.locator("article header span", has_text="second").wait_for()
    [done] = read(output)
    assert done.id == "first" and done.relations == [] and len(done.entities) == 2
    assert done.meta == {"own": 1, "review": {"number": 0}}
    with serving(archive, "--review", suggestions) as running:
        assert running.ask("/review").json["done"] == [0]
        assert running.ask("/review/0").json["record"]["relations"] == []
        assert running.ask("/review/3").status == 404
        wrong = running.ask("/review/1", {"tokens": ["other"]})
        assert (wrong.status, wrong.json["error"]) == (422, "tokens: are those of another sentence")
        assert running.ask("/review/2", SUGGESTED[2]).json["done"] == [0, 2]
        assert running.ask("/review/0", "null").json["done"] == [2]
        assert len(running.ask("/review/export?form=jsonl").body.splitlines()) == 1
        page.goto(f"http://127.0.0.1:{running.port}/")
        page.wait_for_selector("article")
        assert page.locator("#state").inner_text().startswith("1 of 3 reviewed, in ")
        page.evaluate(QUICKLY)
        page.locator("article header span", has_text="second").wait_for()
        page.wait_for_load_state("networkidle")
        assert page.locator("article").count() == 1
    assert [example.id for example in read(output)] == ["third"]


def test_a_review_of_another_file_is_refused(
    archive: str, suggestions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {**SUGGESTED[0], "tokens": ["x"] * 7, "meta": {"review": {"number": 0}}}
    (tmp_path / "suggested.reviewed.jsonl").write_text(json.dumps(record) + "\n")
    assert main(["serve", archive, "--review", str(suggestions), "--port", "0"]) == 2
    assert "suggested.reviewed.jsonl: is no review of" in capsys.readouterr().err
