"""Where the rules end sentences."""

from pathlib import Path

import pytest

from relx.annotators.sentence_splitters.rules import RuleSplitter

BIOMEDICAL = Path(__file__).parents[3] / "fixtures/sentences/biomedical.txt"


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in RuleSplitter().split([text])[0]]


CASES = {
    "marks": "Ann came.|Why?|Because!|It is.",
    "lower case that looks like a name": "It was found.|p53 was lost.|mRNA rose.|c-Myc fell.|pH was 7.",
    "Greek letters": "It rose.|β-catenin fell.|α was 5.",
    "digits": "It was given.|5-oxo-ETE had no effect.|3 of 4 left.",
    "plain lower case": "i went home.|it was late.",
    "decimals": "It is 3.5 mg (P = .05).|Next.",
    "titles": "Mr. Lee met Dr. A. Velde of St. Alban.|They left.",
    "abbreviations of letters": "He left the U.S. Army at 3.5 p.m. on Monday.|The end.|He left the U.S.|The end.",
    "abbreviations": "See Fig. 3 (cf. no. 4), e.g. the fifth, i.e. the last vs. the first.|Lee et al. 2001 say so.",
    "Latin names": "E. coli and S. aureus grew.|They died.",
    "units": "It ran for 10 min.|Lysis was seen after 5 min. of rest.",
    "ad lib": "They came at approx. noon.|All left.",
    "addresses": "Visit http://a.b/c.html or www.x.com today.|Write to a.b@c.de.|Thanks.",
    "quotes": 'He said "no."|Then he left.|"Why?" he asked.|“Go!”|She went.',
    "brackets": "It is so (they say.)|(See below.)|[It is.]|Yes (really?) it is.",
    "references": "It binds.[12]|It acts.[3,4]|It fails.12,13|So what.",
    "a full stop that stands apart": "Ann Lee was born in Rome .|Bob left .",
    "spaced dots": "He left . . .|Then he came.",
    "lists": "1. First item.|2. Second item.|a. Third.",
    "lower case after a mark": "i saw it!|he said.",
    "faces": "It was great :)",
    "Chinese and Japanese": "他走了。|她来了！|真的吗？|好。",
    "a bracket after a Chinese mark": "他说“走。”|她来了。",
    "Hindi": "वह गया।|वह आई।",
    "no mark at all": "no mark at all",
    "a mark alone": ".",
}


@pytest.mark.parametrize("case", CASES)
def test_sentences_end_there_and_only_there(case: str) -> None:
    parts = CASES[case].split("|")
    blank = "" if case.endswith(("Japanese", "mark", "Hindi")) and not CASES[case].isascii() else " "
    assert sentences(blank.join(parts)) == parts


def test_blanks_belong_to_no_sentence() -> None:
    assert sentences("  Ann came. \u200b  Bo left.  ") == ["Ann came.", "Bo left."]
    assert sentences("") == sentences(" \n\t\n ") == []


def test_a_line_ends_a_sentence() -> None:
    assert sentences("A title\nAnn came. Bo\nleft.\r\n\r\n- an item\n- another") == [
        "A title", "Ann came.", "Bo", "left.", "- an item", "- another",
    ]  # fmt: skip


def test_lines_of_one_width_are_one_paragraph() -> None:
    text = (
        "The patients of both groups were treated for twelve weeks at the\n"
        "hospital of St. Alban. No side effects were seen in any of these\n"
        "patients. We conclude that\n\n"
        "The next paragraph begins here."
    )
    assert [" ".join(s.split()) for s in sentences(text)] == [
        "The patients of both groups were treated for twelve weeks at the hospital of St. Alban.",
        "No side effects were seen in any of these patients.", "We conclude that", "The next paragraph begins here.",
    ]  # fmt: skip


def test_lines_of_different_widths_are_not() -> None:
    lines = ["A first line of a list that is quite long, as such lines are", "a short line", "and the last line of it"]
    assert sentences("\n".join(lines)) == lines


def test_biomedical_sentences() -> None:
    paragraphs = [block.splitlines() for block in BIOMEDICAL.read_text(encoding="utf-8").split("\n\n")]
    wrong = sum(sentences(" ".join(lines)) != lines for lines in paragraphs)
    assert wrong <= 1


@pytest.mark.parametrize(
    "stretch", [".", ". ", "a. ", '."', ".[1]", " ", "\n", " )", "。", "?! ", "1. ", "a" * 60 + "\n"]
)
def test_its_time_is_linear(stretch: str) -> None:
    text = "A." + stretch * 20_000 + "x"
    spans = RuleSplitter().split([text])[0]
    assert spans[0][0] == 0 and spans[-1][1] == len(text)
