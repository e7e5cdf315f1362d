import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.readers.brat.reader import line_sentence, lines_of, marked_sentences


def sentences(line, start=0, of=marked_sentences):
    return list(of(start, line, WhitespaceTokenizer().tokenize([line])[0]))


def test_lines_know_where_they_begin():
    text = "one\n\ntwo\r\nthree"
    assert lines_of(text) == [(0, "one"), (4, ""), (5, "two\r"), (10, "three")]
    assert all(text[start:].startswith(line) for start, line in lines_of(text))


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("Ann came. Bo left.", ["Ann came.", "Bo left."]),
        ("Why? Because! It is.", ["Why?", "Because!", "It is."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ('It is so (they say.) "Why?"', ["It is so (they say.)", '"Why?"']),
        ("Mr. Lee of the U.S. Army came at 3.5 p.m. or so.", ["Mr. Lee of the U.S. Army came at 3.5 p.m. or so."]),
        ("See Fig. 3 and so on. the end", ["See Fig. 3 and so on. the end"]),
        ("It is version 2.X of it.", ["It is version 2.X of it."]),
        ("李 明 lebt in 東京. 李 明 came. 4 left.", ["李 明 lebt in 東京.", "李 明 came. 4 left."]),
        ("no mark at all", ["no mark at all"]),
        ("  blanks around. They go.  ", ["blanks around.", "They go."]),
        (".", ["."]),
        (" \t", []),
        ("", []),
    ],
)
def test_marks_part_a_line(line, parts):
    found = sentences(line)
    assert [sentence.text for sentence in found] == parts
    assert all(line[s.start : s.start + len(s.text)] == s.text for s in found)
    assert all(s.text[slice(*o)] == word for s in found for word, o in zip(*s.tokens, strict=True))


def test_a_line_can_be_one_sentence():
    (sentence,) = sentences(" Ann came. Bo left. ", start=10, of=line_sentence)
    assert (sentence.start, sentence.text) == (11, "Ann came. Bo left.")
    assert sentences("  ", of=line_sentence) == []
