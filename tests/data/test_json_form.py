import contextlib
import json
import random

import pytest

from relx.annotators.tokenizers.whitespace import WhitespaceTokenizer
from relx.data.example import Entity, Example, Relation
from relx.data.json_form import example_from_json, example_to_json, to_line
from relx.data.json_validation import BadRecord

TEXT = "Ann Lee, of Lyon, met U.S.-born Bo."
TOKENIZER = WhitespaceTokenizer()
ANN, LYON = Entity(0, 2, "PER", score=0.5), Entity(4, 5)
WORDS = ["Ann", "Lee", ",", "of", "Lyon"]


def full_example() -> Example:
    lost = Entity(None, None, "LOC", "Paris")
    return Example(
        tokens=WORDS,
        entities=[ANN, LYON, lost],
        relations=[Relation(ANN, "lives in", LYON, 0.25), Relation(ANN, "born in", lost)],
        text="Ann Lee, of Lyon",
        offsets=[(0, 3), (4, 7), (7, 8), (9, 11), (12, 16)],
        pos_tags=["NNP", "NNP", ",", "IN", "NNP"],
        dependency_heads=[2, 0, 2, 5, 2],
        id="a-1",
        meta={"doc": 7, "page": [1, None]},
    )


def through_json(example: Example) -> Example:
    return example_from_json(json.loads(to_line(example_to_json(example))))


def bad(record: object, tokenizer=None) -> str:
    with pytest.raises(BadRecord) as error:
        example_from_json(record, tokenizer)
    return str(error.value)


def with_entity(**entity: object) -> dict:
    return {**example_to_json(full_example()), "entities": [entity], "relations": []}


def test_the_form():
    assert example_to_json(full_example()) == {
        "id": "a-1",
        "text": "Ann Lee, of Lyon",
        "tokens": WORDS,
        "offsets": [[0, 3], [4, 7], [7, 8], [9, 11], [12, 16]],
        "entities": [
            {"start": 0, "end": 2, "type": "PER", "text": "Ann Lee", "score": 0.5, "characters": [0, 7]},
            {"start": 4, "end": 5, "text": "Lyon", "characters": [12, 16]},
            {"type": "LOC", "text": "Paris"},
        ],
        "relations": [
            {"head": 0, "type": "lives in", "tail": 1, "score": 0.25},
            {"head": 0, "type": "born in", "tail": 2},
        ],
        "pos_tags": ["NNP", "NNP", ",", "IN", "NNP"],
        "heads": [2, 0, 2, 5, 2],
        "meta": {"doc": 7, "page": [1, None]},
    }


@pytest.mark.parametrize(
    "example",
    [
        full_example(),
        Example([]),
        Example(["a"], text="a", offsets=[(0, 1)]),
        Example(["Bogota"], [Entity(0, 1, None, "Bogotá")]),
        Example(["a\ud800", "\x00", "中"], [Entity(1, 2, "X")], text="not the tokens"),
        Example(["a", "a"], [Entity(0, 1), Entity(0, 1), Entity(0, 2, "T", score=0.0)]),
        Example(
            ["a", "a"],
            [Entity(0, 1, id="T1"), Entity(0, 1, id="T2")],
            [Relation(Entity(0, 1, id="T2"), "r", Entity(0, 1, id="T1"))],
        ),
    ],
)
def test_round_trip_is_exact(example):
    assert through_json(example) == example


def test_round_trip_of_tokenized_text_is_exact():
    random.seed(3)
    for _ in range(300):
        text = "".join(random.choices("ab .,'é\ud800\u2028\x00\U0001f600-$", k=random.randrange(1, 20)))
        example = example_from_json({"text": text, "meta": {}}, TOKENIZER)
        for i in range(len(example)):
            example.entities.append(Entity(i, random.randint(i + 1, len(example)), random.choice([None, "T"])))
        if example.entities:
            example.relations = [Relation(random.choice(example.entities), "r", example.entities[0])]
        assert through_json(example) == example


def test_a_line_is_one_line_and_keeps_letters():
    assert to_line({"text": "Bogotá\n\u2028"}) == '{"text": "Bogotá\\n\\u2028"}'
    assert "\n" not in to_line(example_to_json(Example(["a\nb"])))


def test_an_argument_that_is_no_entity_stands_in_its_relation():
    far = Entity(None, None, "PER", "Bo")
    example = Example(WORDS, [ANN], [Relation(ANN, "lives in", LYON), Relation(far, "knows", ANN)])
    assert example_to_json(example)["relations"] == [
        {"head": 0, "type": "lives in", "tail": {"start": 4, "end": 5, "text": "Lyon"}},
        {"head": {"type": "PER", "text": "Bo"}, "type": "knows", "tail": 0},
    ]
    assert through_json(example) == example


def test_text_is_tokenized():
    example = example_from_json({"text": TEXT, "id": "x"}, TOKENIZER)
    assert example.tokens == ["Ann", "Lee", ",", "of", "Lyon", ",", "met", "U.S.-born", "Bo", "."]
    assert [TEXT[start:end] for start, end in example.offsets or ()] == example.tokens
    assert (example.text, example.id) == (TEXT, "x")


def test_given_tokens_are_taken_as_they_are():
    example = example_from_json({"text": "a, b", "tokens": ["a,", "b"]}, TOKENIZER)
    assert example == Example(["a,", "b"], text="a, b")


def test_characters_are_located_on_tokens():
    record = {"text": TEXT, "entities": [{"characters": [0, 7], "text": "Ann Lee"}, {"characters": [11, 16]}]}
    assert example_from_json(record, TOKENIZER).entities == [Entity(0, 2), Entity(4, 5, text=None)]


def test_a_span_that_cuts_a_token_is_widened_and_keeps_its_own_text():
    example = example_from_json({"text": TEXT, "entities": [{"characters": [22, 26]}]}, TOKENIZER)
    (entity,) = example.entities
    assert entity == Entity(7, 8, text="U.S.", characters=(22, 26))
    assert (example.mention_text(entity), example.token_text(entity)) == ("U.S.", "U.S.-born")
    assert through_json(example) == example


def test_further_keys_are_kept_under_meta_and_a_number_is_an_id():
    record = {
        "tokens": ["a"],
        "id": 7,
        "predicted_entities": [[0, 1]],
        "source": "web",
        "meta": {"n": 1, "source": "web"},
    }
    example = example_from_json(record)
    assert example == Example(["a"], id="7", meta={"n": 1, "source": "web", "predicted_entities": [[0, 1]]})
    assert through_json(example) == example


def test_two_mentions_in_one_token_stay_two_with_their_places():
    record = {"text": "Paris-Paris", "entities": [{"characters": [0, 5]}, {"characters": [6, 11]}]}
    example = example_from_json(record, TOKENIZER)
    assert example.entities == [
        Entity(0, 1, text="Paris", characters=(0, 5)), Entity(0, 1, text="Paris", characters=(6, 11)),
    ]  # fmt: skip
    assert [entity["characters"] for entity in example_to_json(example)["entities"]] == [[0, 5], [6, 11]]
    assert through_json(example) == example


@pytest.mark.parametrize(
    ("own", "tokens"),
    [
        ("Bogotá", ["Bogota"]),
        ("ann lee", ["Ann", "Lee"]),
        ("U.S.", ["U.S", "."]),
        ('(x) "y"', ["-LRB-", "x", "-RRB-", "``", "y", "''"]),
    ],
)
def test_a_text_that_is_spelled_otherwise_than_the_tokens_does_not_contradict_them(own, tokens):
    record = {"tokens": tokens, "entities": [{"start": 0, "end": len(tokens), "text": own}]}
    assert example_from_json(record).entities == [Entity(0, len(tokens), text=own)]


@pytest.mark.parametrize(
    ("tokens", "span", "text"),
    [(["an", "U.S.-born", "Bo"], (1, 2), "U.S."), (["U.S.-born", "Bo"], (0, 2), "born Bo")],
)
def test_a_text_that_is_a_part_of_the_tokens_is_a_mention_that_cuts_a_token(tokens, span, text):
    record = {"tokens": tokens, "entities": [{"start": span[0], "end": span[1], "text": text}]}
    example = example_from_json(record)
    assert example.entities == [Entity(*span, text=text)]
    assert example.cuts_token(example.entities[0])


def test_a_text_that_contradicts_the_tokens_is_an_error_that_shows_both_and_the_remedy():
    text = "Mira Holt runs Acme in Lyon and she was born in a small town near the sea ."
    record = {"text": text, "entities": [{"start": 15, "end": 17, "text": "Acme"}]}
    assert bad(record, TOKENIZER) == 'entities[0].text: "Acme", but tokens 15 to 17 are "the sea"'
    record["entities"] = [{"start": 0, "end": 9, "text": "Mira Holt"}]
    assert (
        'but tokens 0 to 9 are "Mira Holt runs Acme in Lyon and she was"; start and end count tokens, and characters 0 '
        'to 9 are "Mira Holt": give "characters"' in bad(record, TOKENIZER)
    )
    record["entities"] = [{"start": 15, "end": 19, "type": "ORG"}]
    assert 'characters 15 to 19 are "Acme": give "characters"' in bad(record, TOKENIZER)


def test_null_is_as_good_as_absent():
    record = {"tokens": ["a"], "text": None, "offsets": None, "entities": None, "relations": None, "heads": None}
    assert example_from_json(record) == Example(["a"])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "record: expected an object, got a list of 0"),
        ({}, "tokens: missing; expected a list"),
        (
            {"tokens": ["a"], "entities": [{"start": 0, "end": 1, "score": 10**400}]},
            "entities[0].score: expected a number, got one of too many digits",
        ),
        ({"text": "a b"}, "text alone needs a tokenizer"),
        ({"tokens": "a b"}, 'tokens: expected a list, got "a b"'),
        ({"tokens": ["a", 1]}, "tokens[1]: expected a string, got 1"),
        ({"tokens": ["a", " "]}, 'tokens[1]: expected a word, got " "'),
        ({"tokens": ["a"], "entitys": []}, "entitys: unknown key; did you mean 'entities'?"),
        (
            {"text": "a " * 5_000_001},
            "text: 10,000,002 characters, more than 10,000,000; divide it into several records",
        ),
        ({"tokens": ["a"] * 1_000_001}, "tokens: 1,000,001, more than 1,000,000; divide them into sentences"),
        ({"tokens": ["a"], "id": 3.5}, "id: expected a string or a whole number, got 3.5"),
        ({"tokens": ["a"], "triple_list": []}, "triple_list: unknown key"),
        ({"tokens": ["a"], "meta": {"n": 1}, "n": 2}, "n: relx keeps unknown keys under meta, which has another"),
        ({"tokens": ["a"], "meta": 1, "n": 2}, "meta: expected an object, got 1"),
        ({"tokens": ["a"], "meta": "x"}, 'meta: expected an object, got "x"'),
        ({"tokens": ["a"], "pos_tags": ["A", "B"]}, "pos_tags: expected one for each of the 1 tokens, got 2"),
        ({"tokens": ["a"], "heads": [2]}, "heads[0]: expected 0 (root) or a token's number, 1 to 1, got 2"),
        ({"tokens": ["a", "b"], "heads": [0, 2]}, "heads[1]: a token cannot be its own head; 0 says that it is a root"),
        ({"tokens": ["a", "b", "c"], "heads": [0, 3, 2]}, "heads[1]: the heads lead in a circle, 2 to 3 to 2"),
        ({"tokens": ["a"], "deprels": ["root"]}, "deprels: need heads"),
        ({"tokens": ["a"], "heads": [True]}, "heads[0]: expected a whole number, got true"),
        ({"tokens": ["a"], "offsets": [[0, 1]]}, "offsets: need text"),
        ({"tokens": ["a"], "text": "a", "offsets": [[0, 2]]}, "offsets[0]: expected 0 <= start < end <= 1"),
        ({"tokens": ["a"], "text": "a", "offsets": [[0]]}, "offsets[0]: expected [start, end], two whole numbers"),
        ({"tokens": ["a"], "text": "a", "offsets": [[False, 1]]}, "offsets[0]: expected [start, end], two whole"),
        ({"tokens": ["a", "b"], "text": "a b", "offsets": [[2, 3], [0, 1]]}, "offsets[1]: expected the order of"),
        ({"tokens": ["a", "b"], "text": "a b", "offsets": [[0, 3], [1, 2]]}, "offsets[1]: expected the order of"),
        ({"tokens": ["a"], "entities": ["a"]}, 'entities[0]: expected an object, got "a"'),
        ({"tokens": ["a"], "relations": [{"head": 0, "type": "r", "tail": 0}]}, "no relation without entities"),
    ],
)
def test_bad_records(record, message):
    assert message in bad(record)


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ({}, "entities[0]: expected start and end (tokens), characters, or at least the text"),
        ({"start": 0}, "entities[0].end: missing; expected a whole number"),
        ({"start": 3, "end": 3}, "entities[0]: expected 0 <= start < end <= 5 (tokens), got 3, 3"),
        ({"start": 0, "end": 6}, "entities[0]: expected 0 <= start < end <= 5 (tokens), got 0, 6"),
        ({"start": 0.0, "end": 1}, "entities[0].start: expected a whole number, got 0.0"),
        ({"start": 0, "end": 1, "id": ["T1"]}, "entities[0].id: expected a string or a whole number, got a list of 1"),
        ({"start": 0, "end": 1, "typ": "X"}, "entities[0].typ: unknown key; did you mean 'type'?"),
        ({"start": 0, "end": 1, "type": 1}, "entities[0].type: expected a string, got 1"),
        ({"start": 0, "end": 1, "score": "1"}, 'entities[0].score: expected a number, got "1"'),
        ({"start": 0, "end": 1, "characters": [0, 7]}, "tokens 0 to 1 are at [0, 3] and are"),
        ({"characters": [8, 9]}, 'entities[0].characters: there is no token at 8 to 9, " "'),
        ({"characters": [0, 99]}, "entities[0].characters: expected 0 <= start < end <= 16 (characters of text)"),
        ({"characters": [0, 3], "text": "Lee"}, 'entities[0].text: "Lee", but characters 0 to 3 are "Ann"'),
    ],
)
def test_bad_entities(entity, message):
    assert message in bad(with_entity(**entity))


def test_characters_without_offsets():
    assert "need text, and tokens with offsets" in bad({"tokens": ["a"], "entities": [{"characters": [0, 1]}]})


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ({"head": 0, "tail": 0}, "relations[0].type: missing; expected a string"),
        ({"head": 0, "type": "r"}, "relations[0].tail: missing; expected a whole number"),
        ({"head": -1, "type": "r", "tail": 0}, "relations[0].head: expected the number of an entity, 0 to 2, got -1"),
        ({"head": {"strt": 0}, "type": "r", "tail": 0}, "relations[0].head.strt: unknown key; did you mean 'start'?"),
        ({"head": 0, "type": "r", "tail": {"start": 0, "end": 9}}, "relations[0].tail: expected 0 <= start < end <= 5"),
        ({"head": 0, "type": "r", "tail": 3}, "relations[0].tail: expected the number of an entity, 0 to 2, got 3"),
        ({"head": True, "type": "r", "tail": 0}, "relations[0].head: expected a whole number, got true"),
        ({"head": 0, "label": "r", "tail": 0}, "relations[0].label: unknown key; known: head, score, tail, type"),
    ],
)
def test_bad_relations(relation, message):
    assert message in bad({**example_to_json(full_example()), "relations": [relation]})


def test_nothing_but_bad_record_for_odd_values():
    random.seed(5)
    odd = [None, True, -1, 0, 1.5, "", "x", [], [0], [[0, 1]], {}, {"start": 0}, [{}], ["a"], [{"text": "a"}]]
    for _ in range(2000):
        keys = random.sample(["tokens", "text", "offsets", "entities", "relations", "heads", "id", "meta"], 4)
        record = {"tokens": ["a", "b"], **{key: random.choice(odd) for key in keys}}
        with contextlib.suppress(BadRecord):
            example_from_json(record, TOKENIZER)


def test_a_key_that_begins_as_one_of_relx_is_kept_under_meta() -> None:
    example = example_from_json({"tokens": ["a"], "text_language": "en", "id_number": 3})
    assert example.meta == {"text_language": "en", "id_number": 3}
