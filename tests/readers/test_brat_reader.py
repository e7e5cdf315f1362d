import os

import pytest

from relx.annotators.sentence_splitters.lines import LineSplitter
from relx.annotators.sentence_splitters.rules import RuleSplitter
from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Relation
from relx.errors import DataError
from relx.readers.brat.reader import BratReader

TEXT = "Ann Lee moved to Lyon. Bo stayed.\nThe U.S.-born Bo wrote to Ann\nLee.\n"
ANN, LYON = Entity(0, 2, "PER"), Entity(4, 5, "LOC")
BO = Entity(0, 1, "PER")


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def annotate(folder, *lines, text=TEXT, name="a"):
    (folder / f"{name}.txt").write_text(text, newline="")
    (folder / f"{name}.ann").write_text("".join(f"{line}\n" for line in lines))


def read(folder, splitter=RuleSplitter, window=1):
    return list(BratReader(WhitespaceTokenizer(), splitter(), window).read(folder))


def mention(number, type, words, text=TEXT, nth=0):
    start = -1
    for _ in range(nth + 1):
        start = text.index(words, start + 1)
    return f"T{number}\t{type} {start} {start + len(words)}\t{words}"


def test_mentions_and_relations_stand_in_their_sentence(notes):
    ann, lyon, bo = mention(1, "PER", "Ann Lee"), mention(2, "LOC", "Lyon"), mention(3, "PER", "Bo")
    annotate(notes, ann, "R1\tin Arg1:T1 Arg2:T2", lyon, bo)
    sentences = read(notes)
    assert [" ".join(example.tokens) for example in sentences] == [
        "Ann Lee moved to Lyon .", "Bo stayed .", "The U.S.-born Bo wrote to Ann", "Lee .",
    ]  # fmt: skip
    assert [example.entities for example in sentences] == [[ANN, LYON], [BO], [], []]
    assert [example.relations for example in sentences] == [[Relation(ANN, "in", LYON)], [], [], []]


def test_a_byte_order_mark_is_a_character_as_it_is_for_brat(notes):
    annotate(notes, "T1\tPER 1 8\tAnn Lee", text=f"\ufeff{TEXT}")
    first = read(notes)[0]
    assert (first.entities, first.text, first.meta["start"]) == ([ANN], "Ann Lee moved to Lyon.", 1)


def test_sentences_know_their_document_and_their_place_in_it(notes):
    (notes / "more").mkdir()
    annotate(notes, text="Ann.\n\n  Bo came. Cy left.\n")
    annotate(notes, text="Di.", name="more/b.c")
    sentences = read(notes)
    assert [example.id for example in sentences] == ["a:0", "a:1", "a:2", "more/b.c:0"]
    assert [example.meta["document"] for example in sentences] == ["a", "a", "a", "more/b.c"]
    assert [example.meta["start"] for example in sentences] == [0, 8, 17, 0]
    assert [example.text for example in sentences] == ["Ann.", "Bo came.", "Cy left.", "Di."]


def test_places_in_the_document_follow_from_the_sentences(notes):
    annotate(notes, mention(1, "PER", "Bo", nth=1))
    example = read(notes)[2]
    start, end = example.characters(example.entities[0])
    assert TEXT[example.meta["start"] :][start:end] == "Bo"
    assert TEXT[: example.meta["start"]].endswith("stayed.\n")


def test_lines_as_sentences(notes):
    annotate(notes)
    assert [len(example) for example in read(notes, LineSplitter)] == [9, 6, 2]


def test_a_mention_that_cuts_a_token_keeps_its_words(notes):
    annotate(notes, mention(1, "LOC", "U.S."))
    assert read(notes)[2].entities == [Entity(1, 2, "LOC", "U.S.", characters=(4, 8))]


def test_two_mentions_of_the_same_words_in_one_token_are_two(notes):
    annotate(notes, "T1\tLOC 0 5\tParis", "T2\tLOC 6 11\tParis", text="Paris-Paris line")
    (example,) = read(notes)
    assert [example.characters(entity) for entity in example.entities] == [(0, 5), (6, 11)]
    assert {entity.span for entity in example.entities} == {(0, 1)}


def test_blanks_at_the_ends_of_a_mention_do_not_matter(notes):
    annotate(notes, "T1\tPER 7 13\tmoved")
    assert read(notes)[0].entities == [Entity(2, 3, "PER")]


def test_a_mention_that_is_annotated_twice_is_one_entity_and_counted(notes, caplog):
    annotate(notes, mention(1, "PER", "Ann Lee"), mention(2, "PER", "Ann Lee"), "R1\tis Arg1:T1 Arg2:T2")
    assert read(notes)[0].entities == [ANN]
    assert "1 mentions annotated twice (a.ann:2): read once" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "head"),
    [
        ("Arg1:T1 Arg2:T2", ANN),
        ("Arg2:T2 Arg1:T1", ANN),
        ("arg2:T2 ARG1:T1", ANN),
        ("Place:T2 Person:T1", LYON),
        ("Arg2:T2 Person:T1", LYON),
    ],
)
def test_the_names_of_its_arguments_say_which_is_the_head_or_else_their_order(notes, arguments, head):
    annotate(notes, mention(1, "PER", "Ann Lee"), mention(2, "LOC", "Lyon"), f"R1\tin {arguments}")
    (relation,) = read(notes)[0].relations
    assert (relation.head, relation.tail) == ((ANN, LYON) if head == ANN else (LYON, ANN))


class TestWithoutAPlace:
    def test_discontinuous_mentions(self, notes, caplog):
        annotate(notes, "T1\tPER 0 3;17 21\tAnn Lyon", mention(2, "PER", "Ann Lee"), "R1\tis Arg1:T2 Arg2:T1")
        example = read(notes)[0]
        pieces = Entity(None, None, "PER", "Ann Lyon")
        assert example.entities == [pieces, ANN]
        assert example.relations == [Relation(ANN, "is", pieces)]
        assert (
            f"{notes}: 1 discontinuous mentions (a.ann:1): a model cannot predict them, but recall counts them"
            in caplog.text
        )

    def test_pieces_parted_by_blanks_are_one_mention(self, notes):
        annotate(notes, "T1\tPER 0 3;4 7\tAnn Lee")
        assert read(notes)[0].entities == [ANN]

    def test_relations_of_two_sentences(self, notes, caplog):
        annotate(notes, mention(1, "PER", "Ann Lee"), mention(2, "PER", "Bo"), "R1\tknows Arg1:T2 Arg2:T1")
        first, second, *_ = read(notes)
        assert second.relations == [Relation(BO, "knows", Entity(None, None, "PER", "Ann Lee"))]
        assert (first.entities, first.relations, second.entities) == ([ANN], [], [BO])
        assert "1 relations of two sentences (a.ann:3)" in caplog.text


class TestSentenceEndsInsideAMention:
    @pytest.mark.parametrize("splitter", [RuleSplitter, LineSplitter])
    def test_a_line_end_is_none(self, notes, caplog, splitter):
        start = TEXT.index("Ann\nLee")
        annotate(notes, f"T1\tPER {start} {start + 3};{start + 4} {start + 7}\tAnn Lee")
        last = read(notes, splitter)[-1]
        assert last.tokens == ["The", "U.S.-born", "Bo", "wrote", "to", "Ann", "Lee", "."]
        assert last.entities == [Entity(5, 7, "PER")]
        assert [last.text[slice(*offset)] for offset in last.offsets] == last.tokens
        assert TEXT[last.meta["start"] : last.meta["end"]] == last.text
        assert "1 sentence ends inside a mention (a at 64): not used" in caplog.text

    def test_a_mark_is_none(self, notes, caplog):
        text = "The strain Ps. Tabaci grew at Hosp. Lyon in May. Bo left."
        annotate(notes, mention(1, "ORG", "Ps. Tabaci", text), mention(2, "LOC", "Hosp. Lyon", text), text=text)
        first, second = read(notes)
        assert [first.text[slice(*first.characters(entity))] for entity in first.entities] == [
            "Ps. Tabaci",
            "Hosp. Lyon",
        ]
        assert (second.text, second.meta["start"]) == ("Bo left.", 49)
        assert "2 sentence ends inside a mention (a at 15, a at 36)" in caplog.text

    def test_a_mention_over_several_lines_joins_them_all(self, notes):
        annotate(notes, "T1\tX 0 1;2 3;4 5;6 7\ta b c d", text="a\nb\nc\nd\ne\n")
        assert [example.text for example in read(notes)] == ["a\nb\nc\nd", "e"]


def test_other_lines_are_skipped_and_counted(notes, caplog):
    others = [
        "E1\tMove:T1 Place:T2", "R1\tin Arg1:E1 Arg2:T1", "A1\tSure T1", "M1\tSure T1", "N1\tReference T1 W:1\tAnn",
        "#1\tAnnotatorNotes T1\tReally", "*\tEquiv T1 T2", "",
    ]  # fmt: skip
    annotate(notes, mention(1, "PER", "Ann Lee"), mention(2, "LOC", "Lyon"), *others)
    first, *_ = read(notes)
    assert (first.entities, first.relations) == ([ANN, LYON], [])
    assert "not read: " in caplog.text
    for count in ("1 events", "2 attributes", "1 normalizations", "1 notes", "1 equivalences", "1 relations of events"):
        assert count in caplog.text
    assert "predicted" not in caplog.text


def test_a_text_without_annotations_has_no_labels(notes, caplog):
    (notes / "a.txt").write_text(TEXT)
    assert [example.entities for example in read(notes)] == [[], [], [], []]
    assert "not read: 1 texts without .ann (a.txt)" in caplog.text


def test_hidden_files_and_folders_are_not_read_and_counted(notes, caplog):
    (notes / ".cache").mkdir()
    annotate(notes, "T1\tPER 0 3\tAnn", name=".cache/a")
    assert not BratReader.recognizes(notes)
    annotate(notes, mention(1, "PER", "Ann Lee"))
    (notes / "._a.ann").write_bytes(b"\x00\x05\x16\x07")
    assert len(read(notes)) == 4
    assert "not read: 3 hidden files (._a.ann, .cache/a.ann, .cache/a.txt)" in caplog.text


def test_a_whole_folder_is_reported_in_one_line(notes, caplog):
    for name in ("a", "b"):
        annotate(notes, "T1\tPER 0 3;17 21\tAnn Lyon", "#1\tAnnotatorNotes T1\tyes", name=name)
    read(notes)
    (record,) = caplog.records
    assert record.getMessage().endswith(
        ": 2 discontinuous mentions (a.ann:1, b.ann:1): a model cannot predict them, but recall counts them; "
        "not read: 2 notes (a.ann:2, b.ann:2)"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tPER 0 7\tAnn Leo", 'a.ann:2: the mention is "Ann Leo", but the text has "Ann Lee" at 0 7'),
        ("T1\tPER 0 700\tAnn", "a.ann:2: expected start < end <= 69 (characters of the text), got 0, 700"),
        ("T1\tPER 7 7\tAnn", "a.ann:2: expected start < end"),
        ("T1\tPER 33 34\t", "a.ann:2: there is no visible character at 33 to 34"),
        ("T1\tPER 0-7\tAnn Lee", "a.ann:2: expected T1 <tab> type start end <tab> words"),
        (f"T1\tPER 0 {'9' * 5_000}\tAnn", "a.ann:2: expected T1 <tab> type start end <tab> words"),
        ("T1 PER 0 7 Ann Lee", "a.ann:2: expected T1 <tab> type start end <tab> words"),
        ("R1\tin Arg1:T1 Arg1:T2", "a.ann:2: expected R1 <tab> type Arg1:T1 Arg2:T2"),
        ("R1\tin Arg1:T1 Arg2:T2 Arg3:T3", "a.ann:2: expected R1 <tab> type Arg1:T1 Arg2:T2"),
        ("R1\tin Arg1:T1", "a.ann:2: expected R1 <tab> type Arg1:T1 Arg2:T2"),
        ("R1\tin Arg1:T9 Arg2:T9", "a.ann:2: this file has no mention T9"),
        ("X1\tsomething", "a.ann:2: expected a line that begins with T, R or *, E, A, M, N, #"),
    ],
)
def test_a_bad_line(notes, line, message):
    annotate(notes, "", line)
    with pytest.raises(DataError) as error:
        read(notes)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("T1\tX 0 9\tMira\tHolt", (0, 9)), ("T1\tX 10 14", (10, 14)), ("T1\tX 10 14\t", (10, 14)),
        ("T1\tX 0 4;5 9\tMiraHolt", (0, 9)), ("T1\tX 10 14 \truns", (10, 14)), ("T1\tX 10 14\truns fast", (10, 14)),
    ],
)  # fmt: skip
def test_a_line_that_brat_reads_is_read(notes, line, place):
    annotate(notes, line, text="Mira\tHolt runs Acme.")
    (example,) = read(notes)
    assert [example.characters(entity) for entity in example.entities] == [place]


def test_the_old_form_of_a_discontinuous_mention_is_read(notes):
    annotate(notes, "T1\tPER 0 4;10 14\tMiraruns", text="Mira\tHolt runs Acme.")
    assert read(notes)[0].entities == [Entity(None, None, "PER", "Mira runs")]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("Ann.\r\nBo left.", "T1\tX 5 7\tBo", 'fit if a line end of Windows ("\\r\\n") counts as one'),
        ("Né, Bo left.", "T1\tX 5 7\tBo", "fit if they count bytes of UTF-8; brat's count characters"),
        ("\U0001f600 Bo left.", "T1\tX 3 5\tBo", "fit if they count units of UTF-16"),
    ],
)
def test_places_that_count_something_else_than_characters_get_a_hint(notes, text, line, hint):
    annotate(notes, line, text=text)
    with pytest.raises(DataError) as error:
        read(notes)
    assert hint in str(error.value)


def test_all_bad_lines_of_all_files_are_reported(notes):
    annotate(notes, "X1\tone", mention(1, "PER", "Ann Lee"), "T2\tPER 7 7\tAnn")
    annotate(notes, "R1\tin Arg1:T1 Arg2:T2", name="b")
    with pytest.raises(DataError) as error:
        read(notes)
    places = [fault.removeprefix(f"{notes}/").split(": ")[0] for fault in error.value.faults]
    assert places == ["a.ann:1", "a.ann:3", "b.ann:1"]
    assert str(error.value).startswith("3 faults\n  ")


def test_a_name_of_two_mentions(notes):
    annotate(notes, mention(1, "PER", "Ann Lee"), "", mention(1, "LOC", "Lyon"))
    with pytest.raises(DataError, match=r"a\.ann:3: T1 is already the name of a mention above"):
        read(notes)


def test_a_folder_of_empty_texts(notes):
    annotate(notes, text="\n \n")
    with pytest.raises(DataError, match=f"{notes}: holds no sentence"):
        read(notes)


def test_a_bad_folder(notes):
    with pytest.raises(DataError, match="holds no .txt file"):
        read(notes)
    (notes / "a.ann").write_text("")
    with pytest.raises(DataError, match=r"a\.ann: has no text; expected a\.txt in the same folder"):
        read(notes)
    with pytest.raises(DataError, match=r"expected a folder of \.txt and \.ann files"):
        read(notes / "a.ann")


def test_line_ends_of_windows_count(notes):
    text = "Ann came.\r\nBo left.\r\n"
    annotate(notes, mention(1, "PER", "Bo", text), text=text)
    assert [example.entities for example in read(notes)] == [[], [BO]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("name", ["a.txt", "a.ann", "inner/b.txt"])
def test_a_pipe_in_the_folder_is_an_error_that_waits_for_nobody(notes, name):
    annotate(notes, mention(1, "PER", "Ann Lee"))
    (notes / name).unlink(missing_ok=True)
    (notes / name).parent.mkdir(exist_ok=True)
    os.mkfifo(notes / name)
    with pytest.raises(DataError, match=f"{name}: is a pipe or a device"):
        read(notes)


def test_a_link_that_leads_nowhere_is_named_as_one(notes):
    annotate(notes)
    (notes / "b.txt").symlink_to("gone.txt")
    with pytest.raises(DataError, match=r"b.txt: is a link to gone.txt, which does not exist"):
        read(notes)
