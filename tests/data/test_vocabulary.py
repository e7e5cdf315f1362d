import pytest

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError

ODD = ["line\nend", "back\\slash", "\\n", "\r", "\x85", "\u2028", "", " ", "\ud83d", "\udc00", "naïve", "日本", "\\"]


def words(example):
    return example.tokens


def vocabulary(*sentences):
    return Vocabulary([Example(sentence.split()) for sentence in sentences])


def read_back(vocabulary):
    return Vocabulary.from_files(vocabulary.files())


def test_the_frequent_items_come_first_and_equals_in_the_order_of_the_alphabet():
    counted = vocabulary("b a c", "c d a", "c").namespace("words", words)
    assert counted.items == ["c", "a", "b", "d"]


def test_an_item_has_a_number_and_a_number_its_item():
    counted = vocabulary("a a b").namespace("words", words)
    assert [counted.get(item) for item in "ab?"] == [0, 1, None]
    assert (counted[0], counted[1], len(counted), list(counted)) == ("a", "b", 2, ["a", "b"])
    assert "a" in counted and "?" not in counted


def test_rare_items_are_left_out():
    assert vocabulary("a a b", "b c").namespace("words", words, min_count=2).items == ["a", "b"]


def test_a_namespace_is_counted_once():
    made = vocabulary("a b")
    first = made.namespace("words", words)
    assert made.namespace("words", lambda example: pytest.fail("counted twice")) is first


def test_listed_items_keep_their_order():
    assert vocabulary("a").listed("tags", lambda: ["z", "a"]).items == ["z", "a"]


def test_a_fact_is_found_out_once_and_remembered():
    made = vocabulary("a")
    assert made.fact("size", lambda: 50) == 50
    assert made.fact("size", lambda: 60) == 50
    assert made.facts == {"size": 50}


def test_a_file_is_made_once_and_kept_apart_from_the_namespaces():
    made = vocabulary("a")
    assert made.file("words.txt", lambda: b"one") == made.file("words.txt", lambda: b"two") == b"one"
    assert made.namespace("words", words).items == ["a"]
    assert read_back(made).file("words.txt", bytes) == b"one"


def test_everything_comes_back_from_files_in_its_order():
    made = vocabulary("b a b")
    made.namespace("words", words)
    made.namespace("none", lambda example: ())
    made.fact("size", lambda: None)
    made.file("folder/any.bin", lambda: b"\xff\n")
    back = read_back(made)
    assert back.namespace("words", words).items == ["b", "a"]
    assert back.namespace("none", words).items == []
    assert back.facts == {"size": None}
    assert back.file("folder/any.bin", bytes) == b"\xff\n"
    assert not back.counting


def test_any_token_survives_the_files():
    made = Vocabulary([Example(ODD)])
    made.listed("words", lambda: ODD)
    files = made.files()
    assert files["words.txt"].count(b"\n") == len(ODD)
    assert read_back(made).namespace("words", words).items == ODD


def test_what_was_not_saved_cannot_be_counted_any_more():
    back = read_back(vocabulary("a"))
    for ask in (
        lambda: back.namespace("words", words),
        lambda: back.listed("words", list),
        lambda: back.fact("words", list),
        lambda: back.file("words", bytes),
    ):
        with pytest.raises(ArchiveError, match="lacks 'words'"):
            ask()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"facts.json": b"{"},
        {"facts.json": b"3"},
        {"facts.json": b"[1]"},
        {"facts.json": b"\xff"},
        {"facts.json": b"{}", "words.txt": b"\xff\n"},
    ],
)
def test_damaged_files_are_one_clear_error(files):
    with pytest.raises(ArchiveError, match="the vocabulary is damaged"):
        Vocabulary.from_files(files)


def test_when_it_is_closed_counting_is_over_and_the_sentences_are_let_go():
    closed = vocabulary("a b")
    closed.namespace("words", words)
    closed.close()
    assert not closed.counting and closed.examples is None
    assert closed.namespace("words", words).items == ["a", "b"]
    with pytest.raises(ArchiveError, match="lacks 'tags'"):
        closed.namespace("tags", words)
