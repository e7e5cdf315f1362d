"""Copies of a sentence keep mentions, characters and relations at their places, whatever is put in or exchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relx.challenge.rewrite import Edit, Rewriting, can_rewrite, words, words_of
from relx.data.example import Entity, Example, Relation

BORN = "Ada Lovelace  was born in London (UK) ."
TOKENS = ["Ada", "Lovelace", "was", "born", "in", "London", "(", "UK", ")", "."]
ADA, LONDON, UK = Entity(0, 2, "PER"), Entity(5, 6, "LOC"), Entity(7, 8, "LOC")


def born() -> Example:
    offsets, place = [], 0
    for token in TOKENS:
        place = BORN.index(token, place)
        offsets.append((place, place + len(token)))
        place += len(token)
    relations = [Relation(ADA, "born_in", LONDON), Relation(LONDON, "in", UK)]
    return Example(TOKENS, [ADA, LONDON, UK], relations, BORN, offsets, id="s1", meta={"year": 1815})


def assert_whole(example: Example) -> None:
    """The characters of each token are the token."""
    assert example.text is not None and example.offsets is not None
    assert [example.text[start:end] for start, end in example.offsets] == example.tokens


def test_added_words_move_what_comes_after_them() -> None:
    changed = Rewriting(born(), [Edit(3, 3, words("not"))]).example
    assert changed.text == "Ada Lovelace  was not born in London (UK) ."
    assert changed.tokens[:5] == ["Ada", "Lovelace", "was", "not", "born"]
    assert changed.entities == [ADA, Entity(6, 7, "LOC"), Entity(8, 9, "LOC")]
    assert changed.relations[1] == Relation(Entity(6, 7, "LOC"), "in", Entity(8, 9, "LOC"))
    assert (changed.id, changed.meta) == ("s1", {"year": 1815})
    assert_whole(changed)


def test_words_can_be_added_before_the_sentence() -> None:
    changed = Rewriting(born(), [Edit(0, 0, words("Once", ","))]).example
    assert changed.text == "Once , " + BORN
    assert changed.mention_text(changed.entities[0]) == "Ada Lovelace"
    assert_whole(changed)


def test_exchanged_mentions_keep_their_own_blanks() -> None:
    sentence = born()
    edits = [Edit(0, 2, words_of(sentence, LONDON)), Edit(5, 6, words_of(sentence, ADA))]
    changed = Rewriting(sentence, edits).example
    assert changed.text == "London  was born in Ada Lovelace (UK) ."
    assert [changed.mention_text(entity) for entity in changed.entities] == ["London", "Ada Lovelace", "UK"]
    assert changed.relations[0] == Relation(Entity(0, 1, "PER"), "born_in", Entity(4, 6, "LOC"))
    assert_whole(changed)


def test_sentences_without_text_have_none_afterwards() -> None:
    sentence = born()
    sentence.text = sentence.offsets = None
    changed = Rewriting(sentence, [Edit(3, 3, words("not"))]).example
    assert (changed.text, changed.offsets) == (None, None)
    assert " ".join(changed.tokens) == "Ada Lovelace was not born in London ( UK ) ."


def test_tags_and_trees_do_not_fit_other_words() -> None:
    sentence = born()
    sentence.pos_tags = ["NN"] * len(TOKENS)
    assert Rewriting(sentence, [Edit(3, 3, words("not"))]).example.pos_tags is None


def test_a_mention_that_was_not_found_stays_a_text() -> None:
    sentence = born()
    lost = Entity(None, None, "LOC", "Paris")
    sentence.entities.append(lost)
    assert Rewriting(sentence, [Edit(3, 3, words("not"))]).example.entities[-1] == lost


def test_a_spelling_of_its_own_moves_with_the_mention() -> None:
    sentence = born()
    spelled = LONDON._replace(text="london")
    sentence.entities[1] = spelled
    edits = [Edit(0, 2, words_of(sentence, spelled)), Edit(5, 6, words_of(sentence, ADA))]
    changed = Rewriting(sentence, edits).example
    assert [entity.text for entity in changed.entities] == ["london", None, None]


def test_a_mention_that_cuts_a_token_cannot_be_moved() -> None:
    sentence = born()
    assert can_rewrite(sentence)
    sentence.entities.append(Entity(5, 6, "LOC", "Lond", characters=(26, 30)))
    assert not can_rewrite(sentence)


@given(st.lists(st.integers(0, len(TOKENS)), max_size=4, unique=True), st.lists(st.sampled_from("ab"), max_size=3))
def test_any_words_at_any_places_keep_every_mention(places: list[int], new: list[str]) -> None:
    inside = {1}  # within the mention "Ada Lovelace"
    edits = [Edit(place, place, words(*new)) for place in sorted(set(places) - inside)]
    changed = Rewriting(born(), edits if new else []).example
    assert [changed.mention_text(entity) for entity in changed.entities] == ["Ada Lovelace", "London", "UK"]
    assert_whole(changed)


@pytest.mark.parametrize("place", range(len(TOKENS)))
def test_a_replaced_token_that_is_no_mention_keeps_every_mention(place: int) -> None:
    if any(entity.span[0] <= place < entity.span[1] for entity in born().entities):
        return
    changed = Rewriting(born(), [Edit(place, place + 1, words("two", "words"))]).example
    assert [changed.mention_text(entity) for entity in changed.entities] == ["Ada Lovelace", "London", "UK"]
    assert_whole(changed)
