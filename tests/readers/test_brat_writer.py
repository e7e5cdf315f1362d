import pytest

from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example, Relation
from relx.errors import DataError, RelxError
from relx.readers.brat.reader import BratReader

ANN, LYON = Entity(0, 2, "PER"), Entity(4, 5, "LOC")
WORDS = ["Ann", "Lee", "moved", "to", "Lyon", "."]
EXAMPLE = Example(WORDS, [ANN, LYON], [Relation(ANN, "in", LYON)])
READER = BratReader(WhitespaceTokenizer(), RuleSplitter())


def placed(text, document, start, entities=()):
    words, offsets = WhitespaceTokenizer().tokenize([text])[0]
    meta = {"document": document, "start": start, "end": start + len(text)}
    return Example(words, list(entities), text=text, offsets=offsets, meta=meta)


def content(folder):
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*.[ta][xn][tn]"))}


def test_sentences_of_no_document_are_the_paragraphs_of_one(tmp_path):
    READER.write([EXAMPLE, EXAMPLE], tmp_path / "out")
    assert content(tmp_path / "out") == {
        "sentences.txt": "Ann Lee moved to Lyon .\n\nAnn Lee moved to Lyon .\n",
        "sentences.ann": "T1\tPER 0 7\tAnn Lee\nT2\tLOC 17 21\tLyon\nR1\tin Arg1:T1 Arg2:T2\n"
        "T3\tPER 25 32\tAnn Lee\nT4\tLOC 42 46\tLyon\nR2\tin Arg1:T3 Arg2:T4\n",
    }


def test_short_lines_are_not_read_as_one_broken_sentence(tmp_path):
    texts = ["The small harbor of the old town by the sea", "boats lie there"]
    READER.write([Example(text.split()) for text in texts], tmp_path / "out")
    read = list(READER.read(tmp_path / "out"))
    assert [" ".join(example.tokens) for example in read] == texts
    READER.write(read, tmp_path / "again")
    assert list(READER.read(tmp_path / "again")) == read


def test_scores_are_notes_and_the_types_are_declared(tmp_path):
    ann, lyon = ANN._replace(score=0.5), LYON._replace(score=1e-5)
    example = placed("Ann Lee moved to Lyon.", "a", 0, [ann, lyon])
    example.relations = [Relation(ann, "in", lyon, 0.25), Relation(ann, "in", ann), Relation(lyon, "of", ann, 0.75)]
    READER.write([example], tmp_path / "out")
    notes = [line for line in (tmp_path / "out/a.ann").read_text().splitlines() if line.startswith("#")]
    assert notes[:2] == ["#1\tAnnotatorNotes T1\tscore 0.5", "#2\tAnnotatorNotes T2\tscore 1e-05"]
    assert notes[2:] == ["#3\tAnnotatorNotes R1\tscore 0.25", "#4\tAnnotatorNotes R3\tscore 0.75"]
    assert (tmp_path / "out/annotation.conf").read_text().splitlines() == [
        "[entities]", "LOC", "PER", "[relations]", "in\tArg1:PER, Arg2:LOC|PER", "of\tArg1:LOC, Arg2:PER",
        "[events]", "[attributes]",
    ]  # fmt: skip
    (read,) = READER.read(tmp_path / "out")
    assert (read.entities, read.relations) == (example.entities, example.relations)


def test_words_are_written_as_they_stand_in_the_text_in_pieces_where_brat_demands_them(tmp_path):
    example = placed("Ann  \u00a0Lee in New\tYork\r\n City", "a", 0, [ANN, Entity(3, 6, "LOC")])
    READER.write([example], tmp_path / "out")
    lines = (tmp_path / "out/a.ann").read_text()
    assert lines == "T1\tPER 0 9\tAnn  \u00a0Lee\nT2\tLOC 13 16;17 21;24 28\tNew York City\n"
    assert [e.span for e in list(READER.read(tmp_path / "out"))[0].entities] == [(0, 2), (3, 6)]


def test_sentences_stand_where_they_stood_in_their_document(tmp_path):
    bo = Entity(0, 1, "PER")
    examples = [placed("Ann came.", "x/a", 2), placed("Bo left.", "x/a", 13, [bo]), placed("Cy.", "b", 0)]
    READER.write(examples, tmp_path / "out")
    assert content(tmp_path / "out") == {
        "b.ann": "", "b.txt": "Cy.\n", "x/a.ann": "T1\tPER 13 15\tBo\n", "x/a.txt": "  Ann came.\n\nBo left.\n",
    }  # fmt: skip


def test_what_is_written_is_read_again(tmp_path):
    bo = Entity(0, 1, "PER")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("\n Ann came. Bo left.\n\n\nBo is here.")
    (folder / "a.ann").write_text("T1\tPER 12 14\tBo\nT2\tPER 23 25\tBo\nT3\tPER 2 5\tAnn\nR1\tis Arg1:T1 Arg2:T1\n")
    sentences = list(READER.read(folder))
    assert [example.entities for example in sentences] == [[bo], [bo], [bo]]
    READER.write(sentences, tmp_path / "out")
    assert list(READER.read(tmp_path / "out")) == sentences


def test_sentences_in_another_order_stand_where_they_stood(tmp_path):
    bo = Entity(0, 1, "PER")
    examples = [placed("Bo left.", "a", 10, [bo]), placed("Cy.", "b", 0), placed("Ann came.", "a", 0)]
    READER.write(examples, tmp_path / "out")
    assert content(tmp_path / "out")["a.txt"] == "Ann came.\nBo left.\n"
    assert content(tmp_path / "out")["a.ann"] == "T1\tPER 10 12\tBo\n"


def without(example, *keys):
    example.meta = {key: value for key, value in example.meta.items() if key not in keys}
    return example


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([placed("Ann came.", "a", 5), placed("Bo left.", "a", 3)], "sentence 1: meta.start is 5, within the sentence"),
        ([placed("Ann came.", "a", -5)], "sentence 1: meta.start is -5, within"),
        ([without(placed("Ann.", "a", 95250), "end")], "sentence 1: meta.start is 95250, which leaves 95,250 blanks"),
        ([without(placed("Ann.", "a", 10**13), "end")], "rename your key, or give meta.end too"),
        ([placed("Ann.", "a", 0), without(placed("Bo.", "a", 5), "start")], 'sentence 2: has no "start" in its meta'),
        ([placed("Ann.", "a\0b", 0), placed("Bo.", ".git/a", 0)], "is no file name"),
    ],
)
def test_a_meta_of_ones_own_that_is_no_place_is_refused(tmp_path, examples, message):
    with pytest.raises(DataError) as error:
        READER.write(examples, tmp_path / "out")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_sentence_far_within_its_document_stands_there_if_its_end_is_known(tmp_path):
    READER.write([placed("Ann came.", "a", 2000, [Entity(0, 1, "PER")])], tmp_path / "out")
    assert content(tmp_path / "out")["a.ann"] == "T1\tPER 2000 2003\tAnn\n"


def test_sentences_of_no_document_do_not_fall_into_a_document_of_that_name(tmp_path):
    READER.write([placed("Ann came.", "sentences", 0), EXAMPLE], tmp_path / "out")
    assert content(tmp_path / "out")["sentences.txt"] == "Ann came.\n"
    assert content(tmp_path / "out")["_sentences.txt"] == "Ann Lee moved to Lyon .\n"


@pytest.mark.parametrize(
    ("text", "own", "span", "place"),
    [
        ("The U.S.-born Bo", "U.S.", (1, 2), "4 8"),
        ("The U.S.-born Bo", "born  Bo", (1, 3), "9 16"),
        ("a x-a", "a", (1, 2), "4 5"),
    ],
)
def test_a_mention_that_cuts_a_token_stays_as_it_was_annotated(tmp_path, caplog, text, own, span, place):
    READER.write([placed(text, "a", 0, [Entity(*span, "X", own)])], tmp_path / "out")
    words = " ".join(own.split())
    assert (tmp_path / "out/a.ann").read_text() == f"T1\tX {place}\t{words}\n"
    characters = tuple(map(int, place.split()))
    entity = Entity(*span, "X", words, characters=characters)
    assert [example.entities for example in READER.read(tmp_path / "out")] == [[entity]]
    assert not caplog.records


@pytest.mark.parametrize("own", ["Bogotá", "a"])
def test_own_words_that_stand_nowhere_or_twice_give_way_to_the_tokens(tmp_path, caplog, own):
    READER.write([placed("see Bagota", "a", 0, [Entity(1, 2, "X", own)])], tmp_path / "out")
    assert (tmp_path / "out/a.ann").read_text() == "T1\tX 4 10\tBagota\n"
    assert "1 mentions whose own words are not in their tokens exactly once, written as their tokens" in caplog.text


def test_a_mention_whose_words_stand_twice_in_its_token_is_written_at_its_own_place(tmp_path, caplog):
    READER.write([placed("a banana", "a", 0, [Entity(1, 2, "X", "a", characters=(5, 6))])], tmp_path / "out")
    assert (tmp_path / "out/a.ann").read_text() == "T1\tX 5 6\ta\n"
    assert not caplog.records


@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a"])
def test_a_document_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(DataError, match="points outside of the folder"):
        READER.write([placed("Ann.", name, 0)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("type", ["a person", "", " PER", "a\tb"])
def test_types_of_several_words_cannot_be_written(tmp_path, type):
    with pytest.raises(DataError, match="sentence 2: the type .* is not one word"):
        READER.write([EXAMPLE, Example(["a"], [Entity(0, 1, type)])], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("")
    for target in (tmp_path / "out", tmp_path / "out/mine"):
        with pytest.raises(DataError, match="already exists and is not empty"):
            READER.write([EXAMPLE], target)
    assert content(tmp_path / "out") == {} and (tmp_path / "out/mine").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RelxError, match="cannot be written"):
        READER.write([EXAMPLE], tmp_path / "file/out")
