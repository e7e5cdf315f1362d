import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from relx import scoring
from relx.data.example import Entity, Example, Relation
from relx.reports import page
from relx.scoring.outcomes import KINDS

DRAW = page._pictures  # before the fixture of all tests leaves the diagrams out
TOKENS = ["Ann", "Lee", "and", "Bob", "Lee", "live", "in", "New", "York"]
ANN, BOB, YORK = Entity(0, 2, "Per"), Entity(3, 5, "Per"), Entity(7, 9, "Loc")
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e"


def sentence(*relations: Relation, tokens: list[str] = TOKENS, **fields: Any) -> Example:
    entities = dict.fromkeys(argument for relation in relations for argument in (relation.head, relation.tail))
    return Example(tokens, list(entities), list(relations), **fields)


def page_of(gold: list[Example], predicted: list[Example], *protocols: str, **more: Any) -> str:
    reports = scoring.score_all(gold, predicted, protocols or ("strict",))
    return page.evaluation_page("Evaluation of x", gold, predicted, reports, **more)


def cards(html: str) -> list[dict[str, Any]]:
    packed = re.search(r'id="packed">([\w+/=]*)<', html)
    assert packed is not None
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


GOLD = [sentence(Relation(ANN, "lives_in", YORK), Relation(BOB, "lives_in", YORK)), sentence(), sentence(id="third")]
PREDICTED = [
    sentence(Relation(ANN, "lives_in", YORK, 0.8), Relation(YORK, "lives_in", BOB, 0.6)),
    sentence(Relation(ANN, "works_in", YORK, 0.95)),
    sentence(),
]


def test_every_error_is_in_a_sentence_drawn_and_suspected_label_errors_are_first() -> None:
    first, second = cards(page_of(GOLD, PREDICTED))
    assert first["errors"] == [["spurious", True, ["works_in"]]]
    assert second["errors"] == [["wrong direction", False, ["lives_in"]]]
    assert "sentence 2" in first["html"] and "suspected label error" in first["html"]
    assert all(look in second["html"] for look in ('"a faint"', '"a missed"', '"a spurious"'))
    assert "gold: Bob Lee Per —lives_in→ New York Loc" in text_of(second["html"])
    assert "predicted: New York Loc —lives_in→ Bob Lee Per 0.60" in text_of(second["html"])


def test_entities_that_only_one_side_has_look_different() -> None:
    ours = sentence(Relation(Entity(0, 1, "Per"), "lives_in", YORK, 0.5))
    (card,) = cards(page_of([sentence(Relation(ANN, "lives_in", YORK))], [ours]))
    assert [card["html"].count(f'<g class="{look} c') for look in ("s", "s missed", "s spurious")] == [1, 1, 1]


def test_predicted_entities_without_types_take_those_of_gold() -> None:
    untyped = sentence(Relation(ANN._replace(type=None), "lives_in", YORK._replace(type=None), 0.5))
    (card,) = cards(page_of([sentence()], [untyped], "exact_span"))
    assert card["html"].count("<rect") == 2
    ours = sentence(Relation(ANN._replace(type=None), "x", YORK._replace(type=None), 0.5))
    (card,) = cards(page_of([sentence(Relation(ANN, "lives_in", YORK))], [ours], "exact_span"))
    assert card["html"].count('<g class="s c') == 2


def test_a_mention_without_a_place_is_named() -> None:
    lost = Relation(ANN, "lives_in", Entity(None, None, "Loc", "Rome"))
    (card,) = cards(page_of([sentence(lost)], [sentence()], "exact_span"))
    assert "Rome Loc (mention not found in the sentence)" in text_of(card["html"])


def test_tables_show_scores_by_protocol_relation_and_part() -> None:
    shown = text_of(page_of(GOLD, PREDICTED, "strict", "boundaries", facts=[("trained", "2026-01-01")]))
    assert "strict, triples 3 2 1 33.3 50.0 40.0" in shown and "boundaries, triples 3 2 1 33.3" in shown
    assert "lives_in 2 2 1 50.0 50.0 50.0" in shown and "works_in 1 0 0" in shown
    assert "0-2 1 1 0" in shown and "3-5 2 1 1" in shown and "1-10 3 2 1" in shown
    assert "trained 2026-01-01" in shown and "3 sentences, protocol strict" in shown
    for kind, meaning in KINDS.items():
        assert f"{kind} {int(kind in ('wrong direction', 'spurious'))} {meaning}" in shown


def test_candidates_continue_the_curve_below_the_threshold() -> None:
    candidates = [*PREDICTED[:2], sentence(Relation(ANN, "lives_in", BOB, 0.1))]
    plain, more = (text_of(page_of(GOLD, PREDICTED, candidates=given)) for given in (None, candidates))
    assert "0.60 33.3 50.0 40.0 triples:" in plain and "0.60 33.3 50.0 40.0 0.10 25.0 50.0 33.3" in more
    assert all("the predictions of this page have a score of at least 0.60" in shown for shown in (plain, more))
    assert "strict, triples 3 2 1" in more


def test_diagrams_are_drawn_in_the_color_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_pictures", DRAW)
    html = page_of(GOLD, PREDICTED)
    assert html == page_of(GOLD, PREDICTED)
    figures = re.findall(r"<figure>(.*?)</figure>", html, re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        assert figure.startswith('<svg fill="currentColor"')  # the texts, which are dark on a dark page otherwise
        assert "currentColor" in figure and "#000000" not in figure and "<style" not in figure
        ids = re.findall(r' id="([^"]+)"', figure)
        assert len(ids) == len(set(ids)) and {*re.findall(r"#(\w+)\)", figure)} <= {*ids}
    assert "threshold 0.60" in figures[0] and "entities" not in figures[1]


def test_without_matplotlib_the_page_has_tables_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(page, "_pictures", DRAW)
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    html = page_of(GOLD, PREDICTED)
    assert "<figure>" not in html and "pip install 'relx[plots]'" in html
    assert "triples: calibration error (ECE)" in text_of(html)
    assert "pip install 'relx[plots]'" in caplog.text


def test_predictions_without_scores_and_without_errors_have_a_page() -> None:
    gold = [sentence(Relation(ANN, "lives_in", YORK))]
    shown = text_of(page_of(gold, gold))
    assert "The predictions have no scores." in shown and "There are no errors." in shown
    assert "There are no errors." in text_of(page_of([Example([])], [Example([])], "exact_span"))


def test_hostile_text_stays_text_and_nothing_is_loaded() -> None:
    entities = Entity(0, 1, EVIL, score=0.5), Entity(1, 2, EVIL, score=0.5)
    ours = Relation(entities[0], EVIL, entities[1], 0.99)
    gold, predicted = ([sentence(*found, tokens=[EVIL, "b"], id=EVIL)] for found in ((), (ours,)))
    reports = scoring.score_all(gold, predicted, ("strict",))
    html = page.evaluation_page(EVIL, gold, predicted, reports, [(EVIL, EVIL)])
    (card,) = cards(html)
    for source in (html, card["html"]):
        found = Elements(source).found
        assert not any(name.startswith("on") or name in ("src", "data") for _, names in found for name in names)
        assert {tag for tag, _ in found}.isdisjoint({"img", "iframe", "object", "base", "form"})
        assert all((names.get("href") or "#").startswith("#") for _, names in found)
        assert "\u202e" not in source and EVIL not in source
    assert sum(tag == "script" for tag, _ in Elements(html).found) == 2
    assert not any(tag == "script" for tag, _ in Elements(card["html"]).found)


def test_the_policy_of_the_page_admits_its_own_script_alone() -> None:
    html = page_of(GOLD, PREDICTED)
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    assert policy in html and "http" not in re.sub(r"http://www.w3.org/\S*|http-equiv", "", html)
