import random

import pytest

from relx.data.example import Example
from relx.heads.schemes.marked_text import SUBJECT, Marking, TextMarkers, typed_markers

MARKERS = TextMarkers([SUBJECT, *typed_markers("e", ["A", "B"])])


def marking(start: int, last: int, label: int | None) -> Marking:
    """An entity of this label, or a subject."""
    return Marking(start, last, 0 if label is None else 1 + label)


def marked(words: str, *markings: tuple[int, int, int | None]) -> str:
    """What becomes of a sentence; entity markers shortened to [A and A]."""
    text = " ".join(MARKERS.insert(Example(words.split()), [marking(*m) for m in markings]).example.tokens)
    for name in ("e:A", "e:B", "S"):
        text = text.replace(f"[{name}:S]", f"[{name[-1]}").replace(f"[{name}:E]", f"{name[-1]}]")
    return text


@pytest.mark.parametrize(
    ("markings", "expected"),
    [
        ([], "a b c d"),
        ([(1, 2, 0)], "a [A b c A] d"),
        ([(0, 3, 0)], "[A a b c d A]"),
        ([(0, 0, 0), (1, 1, 1)], "[A a A] [B b B] c d"),
        ([(0, 2, 0), (1, 3, 1)], "[A a [B b c A] d B]"),
        ([(1, 1, 0), (1, 3, 1)], "a [B [A b A] c d B]"),
        ([(0, 3, 0), (2, 3, 1)], "[A a b [B c d B] A]"),
        ([(0, 1, 0), (0, 1, None)], "[S [A a b A] S] c d"),
        ([(0, 1, None), (0, 2, 0)], "[A [S a b S] c A] d"),
        ([(0, 1, 0), (0, 1, 1)], "[A [B a b B] A] c d"),
        ([(0, 1, 0), (2, 3, 1), (1, 2, None)], "[A a [S b A] [B c S] d B]"),
    ],
)
def test_where_the_markers_stand(markings: list[tuple[int, int, int | None]], expected: str) -> None:
    assert marked("a b c d", *markings) == expected
    assert marked("a b c d", *markings[::-1]) == expected


def test_without_its_markers_a_sentence_is_as_it_was_whatever_overlaps() -> None:
    draw = random.Random(1)
    for _ in range(200):
        example = Example([f"w{number}" for number in range(draw.randint(1, 9))])
        spans = [sorted(draw.choices(range(len(example)), k=2)) for _ in range(draw.randint(0, 6))]
        markings = [Marking(start, last, draw.choice([0, 1, 2])) for start, last in spans]
        text, places, opens = MARKERS.insert(example, markings)
        assert [text.tokens[place] for place in places] == example.tokens
        assert len(text) == len(example) + 2 * len(markings)
        assert [text.tokens[place] for place in opens] == [MARKERS.pairs[pair][0] for _, _, pair in markings]
        assert len(set(opens)) == len(markings), "each marking has a marker of its own"
        for start, last, pair in markings:
            opening, closing = MARKERS.pairs[pair]
            before = text.tokens[places[start - 1] + 1 if start else 0 : places[start]]
            after = text.tokens[places[last] + 1 : places[last + 1] if last + 1 < len(example) else None]
            assert opening in before and closing in after


def test_each_marker_differs_from_the_others_whatever_the_types_are_called() -> None:
    tokens = TextMarkers([SUBJECT, *typed_markers("e", ["S", "E", "", "e", "e:S", "S:S"])]).tokens
    assert len(tokens) == len(set(tokens)) == 14


def test_what_is_known_of_the_tokens_stays_with_them() -> None:
    example = Example(
        ["the", "cat", "sat"], pos_tags=["DT", "NN", "VB"], dependency_heads=[2, 3, 0], deprels=["d", "s", "root"]
    )
    text, places, opens = MARKERS.insert(example, [marking(0, 1, 0), marking(0, 1, None)])
    assert text.tokens == ["[S:S]", "[e:A:S]", "the", "cat", "[e:A:E]", "[S:E]", "sat"]
    assert text.pos_tags == ["[S:S]", "[e:A:S]", "DT", "NN", "[e:A:E]", "[S:E]", "VB"]
    assert text.deprels == ["[S:S]", "[e:A:S]", "d", "s", "[e:A:E]", "[S:E]", "root"]
    assert text.dependency_heads == [3, 3, 4, 7, 4, 4, 0], "a marker hangs on the token that it marks"
    assert (places.tolist(), opens.tolist()) == ([2, 3, 6], [1, 0])


def test_an_empty_sentence_stays_empty() -> None:
    text, places, _ = MARKERS.insert(Example([], pos_tags=[], dependency_heads=[]), [])
    assert (text.tokens, text.pos_tags, text.dependency_heads, places.tolist()) == ([], [], [], [])


def test_the_sentence_itself_is_left_alone() -> None:
    example = Example(["a", "b"], pos_tags=["X", "Y"], dependency_heads=[0, 1])
    MARKERS.insert(example, [marking(0, 0, None)])
    assert (example.tokens, example.pos_tags, example.dependency_heads) == (["a", "b"], ["X", "Y"], [0, 1])
