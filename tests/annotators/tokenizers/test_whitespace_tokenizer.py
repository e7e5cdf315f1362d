import random
import string

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer


def words(text: str, split_punctuation: bool = True) -> list[str]:
    return WhitespaceTokenizer(split_punctuation).tokenize([text])[0].words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann lives in Lyon, France.", "Ann lives in Lyon , France ."),
        ("He left the U.S. in 1990.", "He left the U.S. in 1990 ."),
        ("Born in Washington, D.C., he grew 3.5 inches.", "Born in Washington , D.C. , he grew 3.5 inches ."),
        ("Mr. Lee, Jr., met J. Doe of Acme Inc. at 9 a.m.", "Mr. Lee , Jr. , met J. Doe of Acme Inc. at 9 a.m."),
        ("from Novato, Calif., to mass. said mr. lee, ill.", "from Novato , Calif. , to mass . said mr. lee , ill ."),
        ("Ann's and the players' wins", "Ann 's and the players ' wins"),
        ("They don't; we've said so—twice--already...", "They do n't ; we 've said so — twice -- already ..."),
        ("ANN'S DON'T", "ANN 'S DO N'T"),
        ('"Well," he said (1961-99) [sic]: "no!"', '" Well , " he said ( 1961-99 ) [ sic ] : " no ! "'),
        ("“It’s fine,” said O'Neil", "“ It ’s fine , ” said O'Neil"),
        ("a well-known state-of-the-art firm", "a well-known state-of-the-art firm"),
        ("It cost $1,250.50, or 5%.", "It cost $ 1,250.50 , or 5 % ."),
        ("see http://example.org/a.html, ok?", "see http://example.org/a.html , ok ?"),
        ("``Quoted'' text", "`` Quoted '' text"),
        ("in the '90s", "in the ' 90s"),
        ("J. Li 李 明. Ö. É", "J. Li 李 明 . Ö. É"),
        ("tokenized text ' s stays . ''", "tokenized text ' s stays . ''"),
    ],
)
def test_punctuation(text, expected):
    assert words(text) == expected.split()


def test_already_tokenized_text_stays_as_it_is():
    text = "Washington , D.C. 's mayor did n't say `` no '' in the U.S. -- at 3.5 % ..."
    assert words(text) == text.split()


def test_whitespace_alone():
    assert words(" Lyon, in\tFrance's\n", split_punctuation=False) == ["Lyon,", "in", "France's"]
    assert words(" \n\t ") == words("") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffAda\u200b Keller", ["Ada", "Keller"]),
        ("Ada\u200bKeller\ufeffwas", ["Ada", "Keller", "was"]),
        ('\u200e"Ada\u200f", \u2066born\u2069.', ['"', "Ada", '"', ",", "born", "."]),
        ("ca\u00adfé na\u200cme x\u200dy", ["ca\u00adfé", "na\u200cme", "x\u200dy"]),
        ("Ada \u200b\u200f \ufeff", ["Ada"]),
    ],
)
def test_invisible_marks_stick_to_no_word(text, expected):
    (tokens,) = WhitespaceTokenizer().tokenize([text])
    assert tokens.words == expected == [text[start:end] for start, end in tokens.offsets]


def test_offsets_are_exact_and_nothing_is_lost_for_any_text():
    random.seed(7)
    alphabet = string.printable + "’“”—…é\u0301\u00a0\u200b\u2028\x00\x1c\x85\ud800\U0001f600中" + ".,'-n't's" * 3
    for _ in range(2000):
        text = "".join(random.choices(alphabet, k=random.randrange(30)))
        (tokens,) = WhitespaceTokenizer().tokenize([text])
        assert [text[start:end] for start, end in tokens.offsets] == tokens.words
        assert all(a[1] <= b[0] for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False))
        assert "".join(tokens.words) == "".join(text.replace("\u200b", " ").split())
        assert all(tokens.words)


@pytest.mark.parametrize("text", ["a" * 200_000, "." * 200_001, "a." * 100_000, "-'" * 100_000, "'" * 100_001])
def test_a_very_long_word_takes_no_long_time(text):
    assert "".join(words(text)) == text
