"""Rates of false triples for predictions that are written down here: counts, intervals, tables."""

import json

import pytest
from test_copies import sentence

from relx.challenge import ChallengeReport, challenge_report
from relx.challenge.report import Rate
from relx.data.document import shifted
from relx.data.example import Entity, Example, Relation

BORN = sentence("PER:Ann was born in LOC:Oslo .", ("Ann", "born_in", "Oslo"))
HIRED = sentence("PER:Ann hired PER:Bob in LOC:Rome .", ("Ann", "hired", "Bob"))
LEFT = sentence("PER:Eve left LOC:Rome .")
GOLD = [BORN, HIRED, LEFT]


def answer(example: Example, *relations: tuple[int, str, int]) -> Example:
    """The sentence with relations between the mentions that begin at these tokens."""
    at = {entity.start: entity for entity in example.entities}
    found = [Relation(at[h], type, at[t]) for h, type, t in relations]
    return Example(example.tokens, example.entities, found, meta=example.meta)


def report(*predicted: Example, copies: dict[str, list[tuple[Entity, str, Entity]]] | None = None) -> ChallengeReport:
    """The report of these answers to GOLD, and of the answers to copies by their words."""

    def extract(examples: list[Example]) -> list[Example]:
        found = [(copies or {}).get(" ".join(example.tokens), []) for example in examples]
        return [
            Example(example.tokens, [], [Relation(*relation) for relation in relations])
            for example, relations in zip(examples, found, strict=True)
        ]

    return challenge_report(GOLD, predicted, extract)


def test_sentences_without_a_relation() -> None:
    found = report(BORN, HIRED, answer(LEFT, (0, "born_in", 2)))
    assert found.to_json()["unrelated sentences"]["cases"] == 1
    assert found.to_json()["unrelated sentences"]["false"] == 1
    assert report(BORN, HIRED, answer(LEFT)).to_json()["unrelated sentences"]["false"] == 0


def test_pairs_without_a_relation_of_types_that_some_relation_joins() -> None:
    predicted = [BORN, answer(HIRED, (0, "hired", 2), (4, "born_in", 2)), answer(LEFT)]
    pairs = report(*predicted).to_json()["unrelated pairs"]
    assert (pairs["cases"], pairs["false"]) == (3, 1)  # Ann and Rome, Bob and Rome, Eve and Rome
    assert pairs["by"]["LOC and PER"]["cases"] == 3
    assert pairs["examples"] == ["(Rome, born_in, Bob) in: Ann hired Bob in Rome ."]


def test_negated_copies_count_the_denied_triple_only() -> None:
    ann, oslo = Entity(0, 1), Entity(5, 6)
    text = "Ann was not born in Oslo ."
    stubborn = report(BORN, HIRED, LEFT, copies={text: [(ann, "born_in", oslo)]}).to_json()["negated"]
    assert (stubborn["cases"], stubborn["false"], stubborn["found_before"]) == (1, 1, 1)
    assert stubborn["left_out"] == {"no rule for the words between the mentions": 1}
    other = report(answer(BORN), HIRED, LEFT, copies={text: [(ann, "left", oslo)]}).to_json()["negated"]
    assert (other["cases"], other["false"], other["found_before"]) == (1, 0, 0)


def test_swapped_copies_count_the_old_direction_only() -> None:
    first, second = Entity(0, 1), Entity(2, 3)
    text = "Bob hired Ann in Rome ."
    old = report(BORN, HIRED, LEFT, copies={text: [(second, "hired", first)]}).to_json()["swapped"]
    new = report(BORN, HIRED, LEFT, copies={text: [(first, "hired", second)]}).to_json()["swapped"]
    assert (old["cases"], old["false"], old["found_before"]) == (1, 1, 1)
    assert (new["cases"], new["false"]) == (1, 0)
    assert old["examples"] == ["(Ann, hired, Bob) in: Bob hired Ann in Rome ."]


@pytest.mark.parametrize(("false", "cases"), [(0, 1), (0, 40), (3, 40), (40, 40), (176, 901)])
def test_the_bounds_are_the_rates_that_a_score_test_just_rejects(false: int, cases: int) -> None:
    """Wilson (1927): (p - p0)^2 = z^2 p0 (1 - p0) / n at both bounds p0."""
    interval = Rate(cases, false).interval
    assert interval is not None
    low, high = interval
    assert 0 <= low <= false / cases <= high <= 1 and low < high
    for bound in interval:
        assert (false / cases - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / cases, abs=1e-12)


def test_without_a_case_there_is_no_rate() -> None:
    assert Rate().to_json() == {"cases": 0, "false": 0, "rate": None, "interval": None}
    assert Rate().row("x") == ("x", "0", "0", "-", "-", "-")


def test_the_table_shows_every_rate_and_what_has_no_copy() -> None:
    found = report(BORN, HIRED, answer(LEFT, (0, "born_in", 2)))
    lines = str(found).splitlines()
    assert [line.split()[-5:-2] for line in lines[1:2]] == [["1", "1", "100.0"]]
    assert "negated: no copy of 1 triple: no rule for the words between the mentions" in lines
    assert "unrelated sentences: (Eve, born_in, Rome) in: Eve left Rome ." in lines
    assert "<td>100.0</td>" in found._repr_html_()
    json.dumps(found.to_json())


class TestWindows:
    """A document of three sentences, read as two windows: its second sentence is in both."""

    DOCUMENT = sentence(
        "It rained . PER:Ann was born in LOC:Oslo and PER:Eve left LOC:Rome . It snowed .", ("Ann", "born_in", "Oslo")
    )
    GOLD = [
        Example(DOCUMENT.tokens[:13], DOCUMENT.entities, DOCUMENT.relations, meta={"document": "d", "window": 0}),
        Example(
            DOCUMENT.tokens[3:],
            [shifted(entity, -3, 0) for entity in DOCUMENT.entities],
            [Relation(shifted(r.head, -3, 0), r.type, shifted(r.tail, -3, 0)) for r in DOCUMENT.relations],
            meta={"document": "d", "window": 3},
        ),
    ]

    def report(self) -> tuple[ChallengeReport, list[Example]]:
        """The report of a model that is wrong in the second window alone, and the copies that it read."""
        copies: list[Example] = []

        def extract(examples: list[Example]) -> list[Example]:
            copies.extend(examples)
            false = [Relation(Entity(0, 1), "born_in", Entity(5, 6))]
            return [Example(e.tokens, [], false if e.tokens[0] == "Ann" else []) for e in examples]

        return challenge_report(
            self.GOLD, [answer(self.GOLD[0]), answer(self.GOLD[1], (6, "left", 8))], extract
        ), copies

    def test_a_case_in_several_windows_counts_once(self) -> None:
        found = self.report()[0].to_json()
        assert (found["negated"]["cases"], found["negated"]["false"]) == (1, 1)
        assert (found["unrelated pairs"]["cases"], found["unrelated pairs"]["false"]) == (3, 1)
        assert found["unrelated sentences"]["cases"] == 0  # the document has a relation

    def test_a_triple_without_a_copy_counts_once(self) -> None:
        found = self.report()[0].to_json()
        assert found["swapped"]["left_out"] == {"the mentions have different types, or none": 1}

    def test_copies_of_one_document_are_texts_of_their_own(self) -> None:
        assert [copy.meta for copy in self.report()[1]] == [None, None]
