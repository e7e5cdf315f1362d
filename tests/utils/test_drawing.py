import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from relx.data.example import Entity, Example, Relation
from relx.utils.drawing import STANDALONE_STYLE, WIDTH, Arc, Span, draw

SVG = "{http://www.w3.org/2000/svg}"
WORDS = ["The", "University", "of", "California", "at", "Los", "Angeles", "hired", "Ada", "Lovelace", "."]


def elements(svg: str, name: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(SVG + name))


def boxes(svg: str) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each box, the outer boxes first."""
    found = [[int(rect.attrib[key]) for key in ("x", "y", "width", "height")] for rect in elements(svg, "rect")]
    return [(x, y, x + width, y + height) for x, y, width, height in found]


def shown_words(svg: str) -> str:
    pieces = [e.text or "" for e in elements(svg, "text") if "textLength" in e.attrib]
    return " ".join(" ".join(pieces).split())


def test_the_box_of_a_mention_encloses_the_mentions_within_it() -> None:
    outer, *inner = boxes(draw(WORDS, [Span(3, 4, "Loc"), Span(1, 7, "Org"), Span(5, 7, "Loc")]))
    for box in inner:
        assert outer[0] <= box[0] and box[2] <= outer[2] and outer[1] == box[1] and box[3] < outer[3]
    assert inner[0][2] <= inner[1][0] or inner[1][2] <= inner[0][0]


def test_types_of_neighbors_do_not_overlap() -> None:
    first, second = sorted(boxes(draw(["a", "b"], [Span(0, 1, "OtherScientificTerm"), Span(1, 2, "Generic")])))
    assert first[2] <= second[0]
    assert first[2] - first[0] > 80


def test_long_sentences_wrap_and_no_word_is_lost() -> None:
    svg = draw(WORDS * 20, [Span(i, i + 10, "Org") for i in range(0, 200, 10)])
    assert shown_words(svg).replace(" ", "") == "".join(WORDS * 20)
    assert len({top for _, top, _, _ in boxes(svg)}) > 10
    assert all(left >= 0 and right <= WIDTH for left, _, right, _ in boxes(svg))


def test_a_word_wider_than_the_picture_is_cut() -> None:
    assert shown_words(draw(["x" * 100_000], [])) == "x" * 59 + "…"


def test_an_arc_ends_with_a_tip_at_its_tail() -> None:
    spans = [Span(1, 4, "Org"), Span(8, 10, "Per")]
    for head, tail in ((0, 1), (1, 0)):
        svg = draw(WORDS, spans, [Arc(head, tail, "rel")])
        (path,) = (path.attrib["d"] for path in elements(svg, "path"))
        tip = re.search(r"M([\d.]+) [\d.]+l3 5 3-5", path)
        left, _, right, _ = sorted(boxes(svg))[tail]
        assert tip is not None and left < float(tip[1]) + 3 < right


def test_an_arc_to_another_line_has_a_labeled_part_on_each_line() -> None:
    svg = draw(WORDS * 5, [Span(0, 1, "a"), Span(54, 55, "b")], [Arc(0, 1, "rel")])
    lines = len({top for _, top, _, _ in boxes(svg)})
    assert lines == 2
    labels = [e.text for e in elements(svg, "text")].count("rel")
    assert labels == len(elements(svg, "path")) > 2


def test_an_arc_over_very_many_lines_shows_where_it_begins_and_ends_alone() -> None:
    svg = draw(WORDS * 50, [Span(0, 1, "a"), Span(540, 541, "b")], [Arc(0, 1, "rel")])
    first, last = (path.attrib["d"] for path in elements(svg, "path"))
    assert f"H{WIDTH}" in first and last.startswith("M0 ")


def test_labels_of_arcs_do_not_overlap() -> None:
    spans = [Span(i, i + 1, "Loc") for i in range(8)]
    arcs = [Arc(i, j, "/location/location/contains") for i, j in combinations(range(8), 2)]
    labels = [e for e in elements(draw(list("abcdefgh"), spans, arcs), "text") if e.text == arcs[0].label]
    places = [(float(e.attrib["x"]), float(e.attrib["y"])) for e in labels]
    assert len(places) == len(arcs)
    assert all(abs(x - a) > 115 or abs(y - b) >= 10 for (x, y), (a, b) in combinations(places, 2))


def test_colors_follow_the_list_of_types() -> None:
    svg = draw(["a", "b"], [Span(0, 1, "Loc"), Span(1, 2, "Odd")], types=["Per", "Loc"])
    assert 'class="s c1"' in svg and 'class="s c2"' in svg


def test_a_script_that_runs_from_right_to_left_is_mirrored() -> None:
    svg = draw(["שלום", "עולם", "2", "a"], [Span(0, 1, "Loc")])
    assert 'class="relx-drawing rtl"' in svg and f"matrix(-1 0 0 1 {WIDTH} 0)" in svg
    assert 'class="relx-drawing"' in draw(["α", "2", "中", "."], [])


def test_long_labels_are_cut_and_shown_whole_on_hover() -> None:
    label = "a" * 50
    svg = draw(["a", "b"], [Span(0, 1, label), Span(1, 2, "b")], [Arc(0, 1, label)])
    assert [e.text for e in elements(svg, "title")] == [label, label]


def test_hostile_text_is_escaped() -> None:
    evil = "<script>alert(1)</script>\"'&\x00\u202e\ufffe"
    svg = draw([evil], [Span(0, 1, evil)], [Arc(0, 0, evil)], style=STANDALONE_STYLE)
    assert "<script" not in svg and "\u202e" not in svg
    assert {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()} == {
        "svg", "style", "g", "rect", "text", "path", "title",
    }  # fmt: skip


@settings(max_examples=25)
@given(st.data())
def test_any_sentence_is_drawn(data: st.DataObject) -> None:
    words = data.draw(st.lists(st.text(max_size=20), max_size=60))
    count = len(words)
    starts = st.integers(0, max(0, count - 1))
    ends = data.draw(st.lists(st.tuples(starts, st.integers(1, 9)), max_size=8 if count else 0))
    spans = [Span(start, min(count, start + size), "Loc") for start, size in ends]
    numbers = st.integers(0, max(0, len(spans) - 1))
    pairs = data.draw(st.lists(st.tuples(numbers, numbers), max_size=8 if spans else 0))
    svg = draw(words, spans, [Arc(head, tail, "rel") for head, tail in pairs])
    assert len({e.attrib["class"] for e in elements(svg, "g")} - {"s c0", "a"}) == 0
    assert len(boxes(svg)) >= len(spans)
    assert all(0 <= left < right <= WIDTH for left, _, right, _ in boxes(svg))


def test_an_example_draws_its_located_mentions_and_keeps_the_blanks_of_its_text() -> None:
    ada, london, lost = Entity(0, 1, "Per"), Entity(2, 3, "Loc"), Entity(None, None, "Loc", "Rome")
    example = Example(["Ada", "in", "London", "."], [ada, london, lost], [Relation(ada, "in", london, 0.5)])
    example.relations.append(Relation(ada, "in", lost))
    example.text, example.offsets = "Ada in London.", [(0, 3), (4, 6), (7, 13), (13, 14)]
    svg = example.to_svg()
    assert len(boxes(svg)) == 2 and len(elements(svg, "path")) == 1
    assert example.glued() == [3]
    assert "prefers-color-scheme" in svg
    assert "<svg" in example._repr_html_()
