from relx.predictors.lines import readable

ENTITIES = [{"text": "Ann Lee"}, {"text": "New York"}]


def test_triples_stand_below_their_sentence() -> None:
    relations = [{"head": 0, "type": "born_in", "tail": 1, "score": 0.987}, {"head": 1, "type": "of", "tail": 0}]
    answer = {"text": "Ann Lee of New York", "tokens": ["Ann"], "entities": ENTITIES, "relations": relations}
    assert readable(answer).splitlines() == [
        "Ann Lee of New York",
        "    Ann Lee  --born_in->  New York  (0.99)",
        "    New York  --of->  Ann Lee",
    ]


def test_a_mention_that_is_no_entity_stands_in_its_relation() -> None:
    relations = [{"head": {"text": "Bo"}, "type": "of", "tail": 1}]
    answer = {"tokens": ["Bo"], "entities": ENTITIES, "relations": relations}
    assert readable(answer).splitlines()[1] == "    Bo  --of->  New York"


def test_without_text_the_tokens_are_shown() -> None:
    assert readable({"tokens": ["a", "b"], "entities": [], "relations": []}) == "a b"


def test_an_error_is_a_line() -> None:
    assert readable({"error": "not JSON", "line": 3}) == "line 3: not JSON"


def test_nothing_steers_the_terminal_or_breaks_the_line() -> None:
    shown = readable({"text": "a\x1b[2J\nb\u2028\ud800 é\u200d❤ عربي", "tokens": [], "entities": [], "relations": []})
    assert shown == "a\\x1b[2J\\nb\\u2028\\ud800 é\u200d❤ عربي"
    shown.encode()
