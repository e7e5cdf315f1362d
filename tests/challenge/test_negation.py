"""Each rule on sentences of our own: the copy reads as English, and what is not sure stays as it is."""

import pytest

from relx.challenge.negation import LONGEST_REST, RULES, VERBS, negation


def negated(between: str) -> str | None:
    tokens = between.split()
    found = negation(tokens)
    return found and " ".join([*tokens[: found.start], *found.tokens, *tokens[found.end :]])


@pytest.mark.parametrize(
    ("between", "expected", "rule"),
    [
        ("was born in", "was not born in", "be + participle"),
        ("was originally born near", "was not originally born near", "be + participle"),
        (", who was killed by", ", who was not killed by", "be + participle"),
        (", a painter , was born on 4 May 1820 in", ", a painter , was not born on 4 May 1820 in", "be + participle"),
        (", 74 , is based in", ", 74 , is not based in", "be + participle"),
        ("is the capital of", "is not the capital of", "be + noun or preposition"),
        ("was president of the", "was not president of the", "be + noun or preposition"),
        ("is from", "is not from", "be + noun or preposition"),
        ("has lived in", "has not lived in", "auxiliary + verb"),
        ("had been shot by", "had not been shot by", "auxiliary + verb"),
        ("will join", "will not join", "auxiliary + verb"),
        ("killed", "did not kill", "past or present"),
        ("shot the painter", "did not shoot the painter", "past or present"),
        ("lives in", "does not live in", "past or present"),
        (", who now works for the", ", who does not now work for the", "past or present"),
        ("live near", "do not live near", "past or present"),
        ("served under the", "did not serve under the", "past or present"),
        ("married", "did not marry", "past or present"),
        (", born in", ", not born in", "participle alone"),
        (", 61 , born in", ", 61 , not born in", "participle alone"),
        ("founded by", "not founded by", "participle alone"),
        ("inhibits", "does not inhibit", "past or present"),
        ("suppressed the", "did not suppress the", "past or present"),
        ("is expressed in the", "is not expressed in the", "be + participle"),
        ("Was Born in", "Was not Born in", "be + participle"),
    ],
)
def test_a_rule_negates_the_verb(between: str, expected: str, rule: str) -> None:
    found = negation(between.split())
    assert negated(between) == expected
    assert found is not None and found.rule == rule


@pytest.mark.parametrize(
    "between",
    [
        "",
        ",",
        "of the",
        "and",
        "was not born in",
        "never lived in",
        "was born to a woman who lived in",  # the second mention is of another clause
        "was born in 1820 and lived in",
        "killed a man ,",
        "said that he worked for",
        "met the man who killed",
        ", killed",  # after a bare comma the subject may be another one
        "was convicted of",
        "is returning to",
        "allegedly killed",
        "works",
        "works with a friend of a friend of",  # more than six words
        "'s brother was born in",
        "was the tallest",
    ],
)
def test_what_is_not_sure_has_no_negation(between: str) -> None:
    assert negated(between) is None


def test_the_rest_of_the_clause_is_short() -> None:
    rest = " ".join(["old"] * LONGEST_REST)
    assert negated(f"killed {rest}") == f"did not kill {rest}"
    assert negated(f"killed {rest} old") is None


def test_every_verb_has_its_forms() -> None:
    forms = {verb.base: verb[:4] for verb in VERBS}
    assert forms["marry"] == ("marry", "marries", "married", "married")
    assert forms["reside"] == ("reside", "resides", "resided", "resided")
    assert forms["publish"] == ("publish", "publishes", "published", "published")
    assert forms["write"] == ("write", "writes", "wrote", "written")
    assert forms["shoot"] == ("shoot", "shoots", "shot", "shot")


def test_each_rule_is_listed_with_its_example() -> None:
    for rule, example in RULES.items():
        before, after = example.split(" -> ")
        found = negation(before.split())
        assert negated(before) == after
        assert found is not None and found.rule == rule
