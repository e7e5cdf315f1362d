import gzip
from pathlib import Path

import pytest
from corpora import CORPORA

from relx.data.example import Example
from relx.data.json_form import example_from_json, example_to_json
from relx.errors import DataError
from relx.readers import make_reader, read, reader_for
from relx.readers.conllu import ConlluReader

TREEBANK = Path(__file__).parents[2] / "fixtures/tiny_stanza/dev.conllu"
REAL = CORPORA / "data/ud_english_ewt/en_ewt-ud-dev.conllu.gz"

# A multi-word token (1-2), an empty node before the first word and one after the last, a word with a space in it.
TEXT = """\
# newdoc
# sent_id = one
# text = Du village 10 000 reviennent
0.1	rien	_	_	_	_	_	_	0:root	_
1-2	Du	_	_	_	_	_	_	_	_
1	de	de	ADP	P	_	3	case	_	_
2	le	le	DET	_	_	3	det	_	_
3	village	village	NOUN	N	_	5	obl:arg	_	_
4	10 000	10000	NUM	M	_	5	nsubj	_	_
5	reviennent	revenir	VERB	V	_	0	root	_	_
5.1	eux	_	_	_	_	_	_	5:obj	_


# a comment
1	#	#	SYM	_	_	2	dep	_	_
2	Oui	oui	INTJ	_	_	0	root	_	_
"""


def written(folder, text, name="a.conllu"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def word(number=1, form="a", head="0", upos="X", xpos="_", deprel="root"):
    return f"{number}\t{form}\t_\t{upos}\t{xpos}\t_\t{head}\t{deprel}\t_\t_\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_words_are_tokens_and_neither_ranges_nor_empty_nodes_are(tmp_path, ending):
    path = written(tmp_path, TEXT.replace("\n", ending))
    assert reader_for(path) == "conllu"
    one, two = read(path)
    assert one == Example(
        ["de", "le", "village", "10 000", "reviennent"],
        text="Du village 10 000 reviennent",
        offsets=[(0, 2), (0, 2), (3, 10), (11, 17), (18, 28)],
        pos_tags=["P", "DET", "N", "M", "V"],
        dependency_heads=[3, 3, 5, 5, 0],
        deprels=["case", "det", "obl:arg", "nsubj", "root"],
        id="one",
    )
    assert (two.tokens, two.dependency_heads, two.id) == (["#", "Oui"], [2, 0], None)
    assert (two.text, two.offsets) == (None, None), "nothing is kept from the sentence before"
    assert example_from_json(example_to_json(one)) == one


@pytest.mark.parametrize(
    ("text", "rows", "offsets"),
    [
        ("ab, c", ["a", "b", ",", "c"], [(0, 1), (1, 2), (2, 3), (4, 5)]),
        ("a x b", ["a", "b"], None),
        ("a", ["a", "b"], None),
        ("a a", ["a", "a"], [(0, 1), (2, 3)]),
    ],
)
def test_offsets_are_known_where_the_words_follow_one_another_in_the_text(tmp_path, text, rows, offsets):
    words = "".join(word(number, form, head=str(number - 1)) for number, form in enumerate(rows, 1))
    [example] = read(written(tmp_path, f"# text_en = other\n# text = {text}\n{words}"))
    assert (example.text, example.offsets) == (text, offsets)


@pytest.mark.parametrize("numbers", ["2-1", "1-3", "5-9", "1-999999999"])
def test_a_range_of_other_words_gives_no_wrong_offsets(tmp_path, numbers):
    strange = word(form="ab").replace("1", numbers, 1)
    [example] = read(written(tmp_path, f"# text = ab\n{strange}{word(1)}{word(2, 'b', head='1')}"))
    assert (example.tokens, example.offsets) in ((["a", "b"], None), (["a", "b"], [(0, 1), (1, 2)]))


def test_the_universal_tags(tmp_path):
    reader = make_reader({"type": "conllu", "tagset": "upos"})
    assert [e.pos_tags for e in reader.read(written(tmp_path, TEXT))] == [
        ["ADP", "DET", "NOUN", "NUM", "VERB"],
        ["SYM", "INTJ"],
    ]


def test_columns_that_are_empty_everywhere_are_missing(tmp_path):
    words = [word(number, head="_", upos="_", deprel="_") for number in (1, 2)]
    [example] = read(written(tmp_path, "".join(words)))
    assert (example.pos_tags, example.dependency_heads, example.deprels) == (None, None, None)


def test_several_roots_are_taken_as_they_are(tmp_path):
    [example] = read(written(tmp_path, word(1) + word(2)))
    assert example.dependency_heads == [0, 0]


def test_a_sentence_without_words_is_none(tmp_path):
    path = written(tmp_path, "# sent_id = none\n\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n\n" + word())
    assert [(example.tokens, example.id) for example in read(path, "conllu")] == [(["a"], None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\ta\n", ":1: 2 columns; expected CoNLL-U: 10 columns"),
        (word() + "\n# x\n" + word(2), ':4: ID: expected 1, the word\'s number, got "2"'),
        (word() + word(3), ':2: ID: expected 2, the word\'s number, got "3"'),
        (word("x"), ':1: ID: expected 1, the word\'s number, got "x"'),
        (word().replace("1", f"1-{'9' * 5_000}", 1), ":1: ID: expected 1, the word's number, got "),
        (word(form=" "), ':1: FORM: expected a word, got " "'),
        (word(head="2"), ':1: HEAD: expected 0 (root) or a word\'s number, 1 to 1, got "2"'),
        (word(head="-1"), ':1: HEAD: expected 0 (root) or a word\'s number, 1 to 1, got "-1"'),
        (word() + word(2, head="_"), ':2: HEAD: expected 0 (root) or a word\'s number, 1 to 2, got "_"'),
        (word(head="1"), ":1: HEAD: a token cannot be its own head; 0 says that it is a root"),
        (word() + word(2, head="3") + word(3, head="2"), ":2: HEAD: the heads lead in a circle, 2 to 3 to 2"),
        (word() + word(2, head="1", deprel="_"), ":2: DEPREL: expected a relation, as other words of the sentence"),
        (word(head="_"), ":1: HEAD: expected heads, as there are relations to them (DEPREL)"),
        ("# nothing\n\n", ":1: holds no sentence; expected CoNLL-U"),
        ("", ":1: holds no sentence"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        list(ConlluReader().read(path))
    assert str(error.value).startswith(f"{path}{message}")


def test_sentences_are_read_one_by_one_and_unpacked(tmp_path):
    path = tmp_path / "a.conllu.gz"
    path.write_bytes(gzip.compress((TEXT + "\nbroken\n").encode()))
    assert reader_for(path) == "conllu"
    assert next(read(path)).id == "one"


@pytest.mark.parametrize("name", ["a.conllu", "a.conllu.gz"])
def test_a_damaged_treebank_is_known_by_its_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"1\ta\n") if name.endswith("gz") else b"1\ta\n")
    assert reader_for(path) == "conllu"
    with pytest.raises(DataError, match=":1: 2 columns; expected CoNLL-U"):
        list(read(path))


@pytest.mark.parametrize("text", ["plain text\n", '{"tokens": []}\n', "", "\x00\xff"])
def test_other_forms_are_not_recognized(tmp_path, text):
    path = tmp_path / "a"
    path.write_bytes(text.encode("latin-1"))
    assert not ConlluReader.recognizes(path)
    assert not ConlluReader.recognizes(tmp_path)
    assert not ConlluReader.recognizes(tmp_path / "none")


def test_the_treebank_of_the_fixtures():
    examples = list(read(TREEBANK))
    assert len(examples) >= 90
    assert all(len(e.tokens) == len(e.dependency_heads) == len(e.deprels) == len(e.pos_tags) for e in examples)


@pytest.mark.skipif(not REAL.exists(), reason="needs a treebank")
def test_a_real_treebank():
    examples = list(read(REAL))
    assert len(examples) == 2001
    assert sum(len(example) for example in examples) == 25147
    assert all(example.dependency_heads.count(0) == 1 for example in examples)
