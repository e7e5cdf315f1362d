import inspect
import json
import re
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import relx
from relx.data.example import Entity, Example, Relation
from relx.data.json_form import example_to_json, to_line
from relx.data.json_validation import BadRecord
from relx.errors import ArchiveError, ConfigError, RelxError
from relx.predictors import Predictor
from relx.predictors.predictor import CHUNK, TABLES

TEXT = "Ann Lee was born in New York ."
TOKENS = TEXT.split()


@pytest.fixture(scope="module")
def predictor(archive: str) -> Predictor:
    return Predictor.load(archive)


def triples(example: Example) -> list[tuple[str, str, str]]:
    return [(example.mention_text(r.head), r.type, example.mention_text(r.tail)) for r in example.relations]


def test_a_text(predictor: Predictor) -> None:
    [example] = predictor([TEXT])
    assert triples(example) == [("Ann Lee", "born_in", "New York")]
    assert example.tokens == TOKENS and example.text == TEXT
    [relation] = example.relations
    for entity, words in ((relation.head, "Ann Lee"), (relation.tail, "New York")):
        start, end = example.characters(entity) or (0, 0)
        assert TEXT[start:end] == words
    assert (relation.head.type, relation.tail.type) == ("PER", "LOC")
    scores = [relation.score, relation.head.score, relation.tail.score]
    assert all(score is not None and 0 <= score <= 1 for score in scores)


def test_every_kind_of_input_gives_the_same_triples(predictor: Predictor) -> None:
    inputs = [TEXT, TOKENS, {"text": TEXT}, {"tokens": TOKENS}, Example(TOKENS)]
    assert [triples(example) for example in predictor(inputs)] == [[("Ann Lee", "born_in", "New York")]] * 5


def test_tokens_have_no_characters(predictor: Predictor) -> None:
    [example] = predictor([TOKENS])
    assert example.text is None and example.offsets is None


def test_labels_of_the_input_never_leak_into_the_output(predictor: Predictor) -> None:
    head, tail = Entity(2, 3, "EVIL", score=0.5), Entity(3, 4, "EVIL")
    labeled = Example(TOKENS, [head, tail], [Relation(head, "evil", tail)], id="7", meta={"page": 3})
    before = (list(labeled.entities), list(labeled.relations))
    [example] = predictor([labeled])
    [plain] = predictor([TOKENS])
    assert (example.entities, example.relations) == (plain.entities, plain.relations)
    assert (example.id, example.meta) == ("7", {"page": 3})
    assert (labeled.entities, labeled.relations) == before


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert predictor([]) == []
    assert [example.tokens for example in predictor(["", " \t\n", []])] == [[], [], []]


def test_alone_and_among_others_a_sentence_means_the_same(predictor: Predictor) -> None:
    texts = [TEXT, "", "Bob works in Oslo now .", "one " * 300, "Dan left Rome ."]
    together = predictor(texts)
    for text, example in zip(texts, together, strict=True):
        [alone] = predictor([text])
        assert triples(alone) == triples(example)
        assert [e.score for e in alone.entities] == pytest.approx([e.score for e in example.entities], abs=1e-5)


def test_a_stream_is_read_piece_by_piece_and_keeps_its_order(predictor: Predictor) -> None:
    taken = 0

    def sentences(count: int):  # type: ignore[no-untyped-def]
        nonlocal taken
        for number in range(count):
            taken += 1
            yield Example([f"w{number}", *["x"] * (number % 3)])

    stream = predictor.stream(sentences(CHUNK + 5))
    assert taken == 0
    assert next(stream).tokens == ["w0"] and taken == CHUNK
    assert [example.tokens[0] for example in stream] == [f"w{number}" for number in range(1, CHUNK + 5)]


KINDS = "expected a text, a list of tokens, a record (dict) or an Example"


class Failing:
    """An object whose attributes fail, as those of a closed database row do."""

    def __getattr__(self, name: str) -> Any:
        raise OSError("closed")


class FailingDict(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("changed")


class FailingList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise KeyError("gone")


FAILS = "a value of the type {} that fails when read: {}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Failing, FAILS.format("Failing", "OSError: closed")),
        (lambda: FailingDict(text="a"), FAILS.format("FailingDict", "RuntimeError: changed")),
        (lambda: {"text": Failing()}, FAILS.format("dict", "OSError: closed")),
        (lambda: FailingList("a"), FAILS.format("FailingList", "KeyError: 'gone'")),
        (lambda: {"text": "a", "meta": Failing()}, "meta: expected an object, got a value of the type Failing"),
    ],
)
def test_an_object_that_fails_when_read_does_not_lose_the_others(
    predictor: Predictor, make: Callable[[], Any], message: str
) -> None:
    before, fault, after = predictor.attempts([TEXT, make(), TEXT])
    assert isinstance(fault, BadRecord) and str(fault) == message
    assert isinstance(before, Example) and before == after and triples(before)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, f"{KINDS}, got 5"),
        (None, f"{KINDS}, got null"),
        (TEXT.encode(), f"{KINDS}, got a value of the type bytes; decode it first"),
        (np.array([["a"]]), f"{KINDS}, got a value of the type ndarray"),
        (["a", 1], "tokens[1]: expected a string, got 1"),
        (["a", b"b"], "tokens: no JSON can hold a value of the type bytes"),
        ({"text": object()}, "text: no JSON can hold a value of the type object"),
        ({"tokens": ["a"], "pos_tags": {"X"}}, "pos_tags: no JSON can hold a value of the type set"),
        (
            {"tokens": ["a"], "entities": [{"start": 0, "end": 1, "score": float("nan")}]},
            "entities: holds NaN or an infinite number; leave out what has no value",
        ),
        ({"text": "a", "id": float("nan")}, "id: holds NaN or an infinite number; leave out what has no value"),
        ({5: "a"}, "5: a key of a record is a string"),
        ({"txt": "a"}, "txt: unknown key; did you mean 'text'?"),
        (Example(["a", 1]), "tokens[1]: expected a string, got 1"),  # type: ignore[list-item]
        (Example(["a"], offsets=[3]), "an Example with fields of wrong types"),  # type: ignore[list-item]
        (Example(["a"], pos_tags=["X", "Y"]), "pos_tags: expected one for each of the 1 tokens, got 2"),
        ({"text": "\ud83d\ude00 a", "tokens": ["a"], "offsets": [[3, 4]]}, "text: holds surrogate pairs"),
    ],
)
def test_what_is_no_input_is_named_and_does_not_lose_the_others(predictor: Predictor, value: Any, message: str) -> None:
    with pytest.raises(BadRecord) as caught:
        predictor([TEXT, value])
    assert isinstance(caught.value, RelxError) and str(caught.value).startswith(f"input 2: {message}")
    before, fault, after = predictor.attempts([TEXT, value, TEXT])
    assert isinstance(fault, BadRecord) and str(fault).startswith(message)
    assert isinstance(before, Example) and before == after and triples(before)


@pytest.mark.parametrize("single", [TEXT, np.str_(TEXT), {"text": TEXT}, {"tokens": TOKENS}, Example(TOKENS)])
def test_a_single_input_has_a_single_answer(predictor: Predictor, single: Any) -> None:
    answers = [predictor(single), predictor.predict(single), predictor.predict(single, on_error="record")]
    assert answers == predictor([single]) * 3
    assert triples(predictor(single)) == [("Ann Lee", "born_in", "New York")]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (TEXT, "got one text; write predict(text), or [text]"),
        ({"text": TEXT}, "got one dict; write predict(dict), or [dict]"),
        (Example(TOKENS), "got one Example; write predict(Example), or [Example]"),
        (None, "got null"),
        (SimpleNamespace(columns=["text"]), f"got a table; {TABLES}"),
    ],
)
def test_a_stream_is_not_made_of_a_single_input(predictor: Predictor, inputs: Any, message: str) -> None:
    calls = [predictor.stream, predictor.attempts, *([] if "one" in message else [predictor, predictor.predict])]
    for call in calls:
        with pytest.raises(BadRecord) as caught:
            call(inputs)
        assert str(caught.value) == f"expected a list of inputs, {message}"


@pytest.mark.parametrize("single", [b"text", {"txt": "a"}, Example(["a", 1])])  # type: ignore[list-item]
def test_the_error_of_a_single_input_has_no_number(predictor: Predictor, single: Any) -> None:
    with pytest.raises(BadRecord) as caught:
        predictor(single)
    assert not str(caught.value).startswith("input")
    recorded = predictor.predict(single, on_error="record")
    assert isinstance(recorded, BadRecord) and str(recorded) == str(caught.value)


def test_recorded_errors_stand_in_the_place_of_their_inputs(predictor: Predictor) -> None:
    inputs = [TEXT, 5, TOKENS]
    recorded = predictor.predict(inputs, on_error="record")  # type: ignore[call-overload]
    assert [type(answer) for answer in recorded] == [Example, BadRecord, Example]
    streamed = list(predictor.stream(inputs, on_error="record"))  # type: ignore[call-overload]
    assert [str(answer) for answer in streamed] == [str(answer) for answer in recorded]


@pytest.mark.parametrize("method", [Predictor.predict, Predictor.stream])
def test_another_word_for_what_to_do_with_errors_is_refused(predictor: Predictor, method: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="^on_error: expected 'raise' or 'record', got 'recrd'$"):
        method(predictor, [TEXT, 5], on_error="recrd")


@pytest.mark.parametrize("name", ["predict", "stream"])
def test_the_choices_are_in_the_signature_and_described(predictor: Predictor, name: str) -> None:
    method = getattr(predictor, name)
    arguments = list(inspect.signature(method).parameters)
    assert arguments[2:] == ["min_score", "calibrated", "given_entities", "add_relations", "schema"]
    for argument in arguments:
        assert f"    {argument}: " in (inspect.getdoc(method) or "")
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'foo'"):
        method([TEXT], foo=1)


def test_scores_are_what_the_head_gives_for_one_padded_batch(predictor: Predictor) -> None:
    scores = predictor.scores([TEXT, "Bob left"])
    assert scores and all(isinstance(tensor, torch.Tensor) for tensor in scores.values())
    assert all(tensor.shape[:2] == (2, len(TOKENS)) for tensor in scores.values())
    alone = predictor.scores("Bob left")
    for name, tensor in scores.items():
        assert torch.allclose(tensor[1:, :2], alone[name], atol=1e-5)
        assert not tensor.requires_grad
    with pytest.raises(BadRecord, match="^input 2: expected a text"):
        predictor.scores([TEXT, 5])  # type: ignore[list-item]


def test_a_head_that_decodes_in_steps_has_no_scores(trained: Path, tmp_path: Path) -> None:
    experiment = json.loads((trained / "config.json").read_text())
    experiment["model"]["head"] = {"type": "casrel"}
    experiment["trainer"]["epochs"] = 1
    model = relx.load(relx.train(experiment, tmp_path / "run").archive)
    assert len(model([TEXT])) == 1
    with pytest.raises(RelxError, match="the head CasRel decodes in several steps and has no scores"):
        model.scores(TEXT)


def test_a_prediction_is_shown_in_a_notebook_with_its_texts_escaped(predictor: Predictor) -> None:
    shown = predictor(TEXT)._repr_html_()
    assert all(f">{piece}</text>" in shown for piece in ("Ann Lee", "was born in", "New York", "."))
    assert "<td>Ann Lee</td><td>born_in</td><td>New York</td><td>0." in shown
    assert re.search(r"<td>New York</td><td>LOC</td><td>[01]\.\d\d</td>", shown)
    evil = predictor({"text": "<script>x</script>\u202e"})._repr_html_()
    assert "&lt;script&gt;" in evil and "<script" not in evil and "\u202e" not in evil
    entity = Entity(0, 1, "<b>")
    assert "&lt;b&gt;" in Example(["<i>"], [entity], [Relation(entity, "<u>", entity)])._repr_html_()
    assert "<u>" not in Example(["<i>"], [entity], [Relation(entity, "<u>", entity)])._repr_html_()


def test_a_prediction_is_its_text_and_a_line_for_each_triple(predictor: Predictor) -> None:
    text, *triples = repr(predictor(TEXT)).splitlines()
    assert text == f"Example({TEXT!r}, 2 entities, 1 relation)"
    assert [re.sub(r" +", " ", line.rpartition("  ")[0]) for line in triples] == [" Ann Lee born_in New York"]
    assert all(re.fullmatch(r".*  [01]\.\d\d", line) for line in triples)
    assert repr(Example(["a\x1b"] * 999)).startswith("Example('a\\x1b a") and len(repr(Example(["a"] * 999))) < 250


def test_every_bad_input_is_named_at_once(predictor: Predictor) -> None:
    with pytest.raises(BadRecord) as caught:
        predictor([5, TEXT, *[None] * 7])
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [*(f"input {i}" for i in (1, 3, 4, 5, 6, 7)), "and 2 more"]


Row = namedtuple("Row", ["text", "id"])


def test_values_of_numpy_and_of_the_calendar_and_rows_of_tables_are_answered(predictor: Predictor) -> None:
    words = np.array(TOKENS)
    inputs = [
        words, {"tokens": words}, (*TOKENS,), np.str_(TEXT), Row(TEXT, "7"), MappingProxyType({"text": TEXT}),
        {"tokens": words, "entities": [{"start": np.int64(0), "end": np.int32(2), "score": np.float32(0.5)}]},
        {"text": TEXT, "id": date(2020, 1, 2), "meta": {"any": (date(2020, 1, 2), np.int64(3))}},
        {"text": TEXT, "offsets": np.array([[0, 3]]), "tokens": ["Ann"]},
    ]  # fmt: skip
    answers = predictor(inputs)
    assert [triples(answer) for answer in answers[:-1]] == [[("Ann Lee", "born_in", "New York")]] * 8
    assert all(type(token) is str for answer in answers for token in answer.tokens)
    assert (answers[4].id, answers[7].id, answers[-1].offsets) == ("7", "2020-01-02", [(0, 3)])
    assert answers[7].meta == {"any": (date(2020, 1, 2), np.int64(3))}


def test_texts_may_come_from_any_iterable(predictor: Predictor) -> None:
    wanted = predictor([TEXT, "Bob"])
    assert predictor(iter([TEXT, "Bob"])) == predictor(np.array([TEXT, "Bob"])) == wanted
    assert list(predictor.stream(text for text in (TEXT, "Bob"))) == wanted
    stream = predictor.stream([TEXT, 5])
    assert triples(next(stream)) == triples(wanted[0])
    with pytest.raises(BadRecord, match="^input 2: expected a text"):
        next(stream)


def test_surrogate_pairs_are_one_character_as_in_the_text_that_is_written(predictor: Predictor) -> None:
    for value in ("\ud83d\ude00 " + TEXT, ["\ud83d\ude00", *TOKENS], Example(["\ud83d\ude00", *TOKENS])):
        [example] = predictor([value])
        assert example.tokens[0] == "\U0001f600"
        answer = json.loads(to_line(example_to_json(example)))
        assert answer["tokens"] == example.tokens
        for entity in answer["entities"]:
            assert " ".join(answer["tokens"][entity["start"] : entity["end"]]) == entity["text"]
            if example.text is not None:
                assert answer["text"][slice(*entity["characters"])] == entity["text"]


def test_eight_threads_give_the_answers_of_one(predictor: Predictor) -> None:
    texts = [TEXT, "Bob works in Oslo now .", "one " * 30, "Dan left Rome ."] * 5
    wanted = predictor(texts)
    with ThreadPoolExecutor(8) as pool:
        assert all(answers == wanted for answers in pool.map(lambda _: predictor(texts), range(16)))


@pytest.mark.parametrize("device", ["cud", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_one_error(archive: str, device: str) -> None:
    with pytest.raises(RelxError, match=f"device '{device}' cannot be used here; try cpu, cuda or cuda:1") as caught:
        Predictor.load(archive, device)
    assert "\n" not in str(caught.value)


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such archive"):
        Predictor.load(tmp_path / "model.tar.gz")
