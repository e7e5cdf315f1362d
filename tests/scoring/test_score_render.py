import re

from scoring_sentences import ANN, BOB, knows, lives, lost, sentence

from relx.scoring import render, score
from relx.scoring.render import percentages, render_html

GOLD = [sentence(lives(ANN), knows(ANN, BOB)), sentence(lives(BOB)), sentence(lives(lost("Cy")))]
PREDICTED = [sentence(lives(ANN)), sentence(lives(ANN)), sentence()]


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_protocol_stands_in_each_line_of_the_table():
    table = render(score(GOLD, PREDICTED, seen=set())).split("\n\n")[:-1]
    lines = [line for group in table for line in group.splitlines()][1:]
    assert all(line.startswith(("exact_span ", "entity boundaries ")) for line in lines)
    assert len(lines) == 2 + 2 + 2 + 1 + 2 + 2


def test_numbers_are_aligned_and_as_counted():
    text = render(score(GOLD, PREDICTED))
    assert ["exact_span", "all", "triples", "2", "4", "1", "50.0", "25.0", "33.3"] in rows(text)
    assert ["exact_span", "knows", "0", "1", "0", "0.0", "0.0", "0.0"] in rows(text)
    table = text.split("\n\n")[:-1]
    assert len({len(line) for group in table for line in group.splitlines()}) == 1


def test_relations_stand_in_the_order_of_their_gold_triples():
    relations = [row[1] for row in rows(render(score(GOLD, PREDICTED))) if row[1:] and row[1] in ("lives_in", "knows")]
    assert relations == ["lives_in", "knows"]


def test_several_protocols_give_one_headline_each_and_the_parts_of_the_first():
    text = render(score(GOLD, PREDICTED, "last_word"), score(GOLD, PREDICTED, "begin_offset"))
    assert [row[0] for row in rows(text) if row[1:3] == ["all", "triples"]] == ["last_word", "begin_offset"]
    assert "last_word" in text.split("\n\n")[1]
    assert text.count("begin_offset ") == 1


def test_sentences_of_a_kind_without_triples_have_no_row():
    report = score(GOLD, PREDICTED)
    kinds = {label for label, part in report.per_overlap.items() if part.gold or part.predicted}
    shown = {row[1] for row in rows(render(report)) if row[2:3] == ["sentences"] and row[1] != "sentences"}
    assert shown == kinds < set(report.per_overlap)


def test_unlocated_gold_is_told_where_positions_are_compared():
    assert "exact_span: 1 of 4 gold triples" in render(score(GOLD, PREDICTED))
    assert "not found among the tokens" not in render(score(GOLD, PREDICTED, "exact_text"))


def test_the_header_says_that_ratios_are_percentages():
    header, row = render(score(GOLD, GOLD, "exact_text")).splitlines()[:2]
    assert header.split()[-6:] == ["precision", "%", "recall", "%", "f1", "%"]
    assert row.split()[-3:] == ["100.0", "100.0", "100.0"]


def test_each_table_of_html_has_a_caption():
    shown = render_html(score(GOLD, PREDICTED, seen=set()))
    captions = ["all", "by overlap", "by number of triples", "unseen in training", "by relation", "entities"]
    assert re.findall("<caption>(.*?)</caption>", shown) == [*captions, "entities by type"][: shown.count("<table>")]
    assert shown.count("<caption>") == shown.count("<table>") >= len(captions)


def test_percentages_are_one_line():
    assert percentages(score(GOLD, PREDICTED).triples) == "P 50.0 R 25.0 F1 33.3"
