"""Challenge copies of sentences of our own: how they read, what they deny, and which triples have none."""

from collections import Counter

import pytest

from relx.challenge.copies import negated_copies, swapped_copies, unrelated_pairs
from relx.challenge.negatives import hard_negatives
from relx.data.example import Entity, Example, Relation


def sentence(text: str, *relations: tuple[str, str, str]) -> Example:
    """A sentence of tokens; a mention is written with its type, the words joined by ``_``: ``PER:Ann_Lee``."""
    tokens: list[str] = []
    mentions: dict[str, Entity] = {}
    for word in text.split():
        type, colon, name = word.partition(":")
        if colon and name:
            parts = name.split("_")
            mentions[name] = Entity(len(tokens), len(tokens) + len(parts), type)
            tokens += parts
        else:
            tokens.append(word)
    triples = [Relation(mentions[head], type, mentions[tail]) for head, type, tail in relations]
    return Example(tokens, list(mentions.values()), triples)


def read(example: Example) -> str:
    return " ".join(example.tokens)


def triple(example: Example, relation: Relation) -> tuple[str, str, str]:
    return example.mention_text(relation.head), relation.type, example.mention_text(relation.tail)


BORN = sentence("PER:Ann_Lee was born in LOC:Oslo .", ("Ann_Lee", "born_in", "Oslo"))
HIRED = sentence("PER:Ann_Lee hired PER:Bob in LOC:Oslo .", ("Ann_Lee", "hired", "Bob"))


class TestNegated:
    def test_the_copy_denies_its_triple_and_states_the_others(self) -> None:
        example = sentence(
            "PER:Ann_Lee of ORG:Acme was born in LOC:Oslo .", ("Ann_Lee", "works_for", "Acme"), ("Acme", "in", "Oslo")
        )
        [copy], left_out = negated_copies([BORN, example])
        assert read(copy.example) == "Ann Lee was not born in Oslo ."
        assert triple(copy.example, copy.denied) == ("Ann Lee", "born_in", "Oslo")
        assert copy.example.relations == []
        assert (copy.number, copy.original, copy.sure) == (0, BORN.relations[0], True)
        assert Counter(reason for _, _, reason in left_out) == {
            "no rule for the words between the mentions": 1,
            "the verb may have another subject": 1,
        }

    def test_the_tail_may_come_first(self) -> None:
        [copy], _ = negated_copies([sentence("PER:Bob was killed by PER:Ann .", ("Ann", "killed", "Bob"))])
        assert read(copy.example) == "Bob was not killed by Ann ."
        assert triple(copy.example, copy.denied) == ("Ann", "killed", "Bob")

    def test_both_triples_of_a_pair_are_denied(self) -> None:
        example = sentence("PER:Ann founded ORG:Acme .", ("Ann", "founded", "Acme"), ("Ann", "works_for", "Acme"))
        copies, _ = negated_copies([example])
        assert [read(copy.example) for copy in copies] == ["Ann did not found Acme ."] * 2
        assert [copy.example.relations for copy in copies] == [[], []]

    def test_a_triple_across_the_verb_may_not_hold_any_more(self) -> None:
        example = sentence(
            "PER:Ann was born in LOC:Oslo , LOC:Norway .",
            ("Ann", "born_in", "Oslo"), ("Ann", "born_in", "Norway"), ("Oslo", "in", "Norway"),
        )  # fmt: skip
        [copy], left_out = negated_copies([example])
        assert [triple(copy.example, relation)[2] for relation in copy.example.relations] == ["Norway", "Norway"]
        assert not copy.sure
        assert [reason for *_, reason in left_out].count("another mention between the two") == 1

    def test_mentions_that_tokens_cannot_hold(self) -> None:
        lost = Entity(None, None, "LOC", "Oslo")
        example = Example(["Ann", "left"], [Entity(0, 1)], [Relation(Entity(0, 1), "born_in", lost)])
        assert negated_copies([example]) == (
            [], [(0, example.relations[0], "a mention is not in the sentence")],
        )  # fmt: skip
        assert swapped_copies([example])[0] == []


class TestSwapped:
    def test_the_words_change_places_and_the_relation_does_not(self) -> None:
        [copy], _ = swapped_copies([HIRED])
        assert read(copy.example) == "Bob hired Ann Lee in Oslo ."
        assert triple(copy.example, copy.denied) == ("Ann Lee", "hired", "Bob")
        assert [triple(copy.example, relation) for relation in copy.example.relations] == [("Bob", "hired", "Ann Lee")]
        assert [copy.example.mention_text(entity) for entity in copy.example.entities] == ["Bob", "Ann Lee", "Oslo"]

    @pytest.mark.parametrize(
        ("example", "reason"),
        [
            (BORN, "the mentions have different types, or none"),
            (sentence("LOC:Oslo , LOC:Norway .", ("Oslo", "in", "Norway")), "no word between the mentions"),
            (sentence("T:GRU and T:LSTM .", ("GRU", "CONJUNCTION", "LSTM")), "the relation has no direction"),
            (
                sentence("PER:Ann and PER:Bob married .", ("Ann", "spouse", "Bob"), ("Bob", "spouse", "Ann")),
                "the relation has no direction",
            ),
            (sentence("PER:Ann called PER:ANN .", ("Ann", "called", "ANN")), "the mentions have the same text"),
            (
                sentence("PER:Ann hired PER:Bob and PER:Eve .", ("Ann", "hired", "Eve")),
                "another mention between the two",
            ),
        ],
    )
    def test_no_copy_where_it_would_be_no_test(self, example: Example, reason: str) -> None:
        copies, left_out = swapped_copies([example])
        assert copies == [] and {left.reason for left in left_out} == {reason}

    def test_a_slip_does_not_make_a_relation_symmetric(self) -> None:
        both = sentence("PER:Ann and PER:Bob met .", ("Ann", "hired", "Bob"), ("Bob", "hired", "Ann"))
        assert len(swapped_copies([both, *[HIRED] * 30])[0]) >= 30


class TestUnrelatedPairs:
    def test_pairs_without_a_triple_in_either_direction(self) -> None:
        pairs = [(HIRED.mention_text(one), HIRED.mention_text(other)) for one, other in unrelated_pairs(HIRED)]
        assert pairs == [("Ann Lee", "Oslo"), ("Bob", "Oslo")]

    def test_a_related_text_elsewhere_and_the_same_text_are_no_unrelated_pair(self) -> None:
        example = sentence("PER:Ann was born in LOC:Oslo , and PER:ANN left LOC:OSLO .", ("Ann", "born_in", "Oslo"))
        assert unrelated_pairs(example) == []

    def test_overlapping_mentions_are_no_pair(self) -> None:
        assert unrelated_pairs(Example(["a", "b"], [Entity(0, 2, "X"), Entity(1, 2, "Y")])) == []


class TestHardNegatives:
    UNRELATED = sentence("PER:Eve left LOC:Rome with PER:Dan .")

    def test_copies_of_each_form_with_their_labels(self) -> None:
        found, counts = hard_negatives([BORN, HIRED, self.UNRELATED], seed=1)
        assert counts == {"negated": 1, "swapped": 1, "unrelated": 2}
        texts = {read(example): [triple(example, relation) for relation in example.relations] for example in found}
        assert texts["Ann Lee was not born in Oslo ."] == []
        assert texts["Bob hired Ann Lee in Oslo ."] == [("Bob", "hired", "Ann Lee")]
        # The pair of a triple of the same types stands where nothing is said of it.
        assert {text for text in texts if " left " in text} <= {
            "Ann Lee left Oslo with Dan .", "Eve left Oslo with Ann Lee .",
            "Ann Lee left Rome with Bob .", "Bob left Rome with Ann Lee .",
        }  # fmt: skip

    def test_the_seed_decides(self) -> None:
        sentences = [BORN, HIRED, *[self.UNRELATED] * 20]
        first, again, other = (hard_negatives(sentences, seed)[0] for seed in (1, 1, 2))
        assert first == again
        assert first != other

    def test_copies_of_which_another_label_is_unsure_are_left_out(self) -> None:
        example = sentence(
            "PER:Ann was born in LOC:Oslo , LOC:Norway .", ("Ann", "born_in", "Oslo"), ("Ann", "born_in", "Norway")
        )
        assert hard_negatives([example], seed=1)[1]["negated"] == 0
