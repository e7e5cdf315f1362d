import pytest
from sentences import sentence, spans

from relx.data.example import Entity, Example, Relation
from relx.heads.head import NOT_LOCATED, UNKNOWN
from relx.heads.schemes.joint_tags import DROPPED, OVERWRITTEN, PAIRED, TAKEN, JointTags

RELATIONS = ["born_in", "lives_in"]
ADA, BOB, LONDON, PARIS = (0, 2), (6, 7), (4, 5), (9, 11)


def scheme(conflict="first", decoding="nearest", positions="BIO"):
    return JointTags(RELATIONS, positions, conflict, decoding)


def read(tags, written):
    relations = tags.read(written.tolist(), [1.0] * len(written))
    return spans(Example([], relations=relations))


def decoded(tags, example):
    """What the tags of a sentence spell."""
    return read(tags, tags.write(example).tags)


def test_the_number_of_tags_is_that_of_the_paper():
    """HMT: 2 positions x relations x 2 roles + O: 117 for the 29 relations of NYT10."""
    assert JointTags(map(str, range(29)), "BIO", "first", "nearest").size == 117


def test_a_triple_is_tagged_by_relation_role_and_position():
    written = scheme().write(sentence(6, (ADA, "lives_in", LONDON)))
    # born_in has the tags 1 to 4, lives_in 5 to 8: B I of E1, B I of E2.
    assert written.tags.tolist() == [5, 6, 0, 0, 7, 0]
    assert written.kept and written.lost == []


@pytest.mark.parametrize("positions", ["BIO", "BIES"])
@pytest.mark.parametrize("decoding", ["nearest", "all_pairs"])
def test_triples_of_different_relations_come_back(positions, decoding):
    triples = [(ADA, "born_in", LONDON), (BOB, "lives_in", PARIS)]
    assert decoded(scheme(decoding=decoding, positions=positions), sentence(12, *triples)) == triples


def test_a_token_has_one_tag_so_the_first_triple_wins():
    example = sentence(12, (ADA, "born_in", LONDON), (ADA, "lives_in", PARIS), (BOB, "lives_in", PARIS))
    written = scheme("first").write(example)
    assert read(scheme(), written.tags) == [(ADA, "born_in", LONDON), (BOB, "lives_in", PARIS)]
    assert written.lost == [(example.relations[1], TAKEN)]
    assert written.kept


def test_a_triple_that_does_not_fit_leaves_no_half_of_itself():
    example = sentence(12, (BOB, "born_in", LONDON), (PARIS, "lives_in", LONDON))
    assert set(scheme("first").write(example).tags[9:11]) == {0}


def test_or_the_last_triple_wins():
    example = sentence(12, (ADA, "born_in", LONDON), (ADA, "lives_in", PARIS))
    written = scheme("overwrite").write(example)
    assert read(scheme(), written.tags) == [(ADA, "lives_in", PARIS)]
    assert written.lost == [(example.relations[0], OVERWRITTEN)] and written.kept


def test_or_the_sentence_is_not_learned_from():
    example = sentence(12, (ADA, "born_in", LONDON), (ADA, "lives_in", PARIS))
    written = scheme("drop_sentence").write(example)
    assert not written.kept
    assert not written.tags.any()
    assert written.lost == [(relation, DROPPED) for relation in example.relations]
    assert scheme("drop_sentence").write(sentence(12, (ADA, "born_in", LONDON))).kept


def test_a_mention_may_take_part_in_several_triples_of_one_relation():
    triples = [(ADA, "lives_in", LONDON), (ADA, "lives_in", PARIS)]
    written = scheme().write(sentence(12, *triples))
    assert written.lost == []
    assert read(scheme(), written.tags) == triples


def test_a_mention_cannot_be_head_and_tail():
    example = sentence(3, ((0, 1), "lives_in", (0, 1)))
    assert scheme().write(example).lost == [(example.relations[0], TAKEN)]


def test_what_cannot_be_tagged_is_lost_with_its_cause():
    lost = [
        (Relation(Entity(None, None, text="Ada"), "lives_in", Entity(0, 1)), NOT_LOCATED),
        (Relation(Entity(0, 1), "dies_in", Entity(1, 2)), UNKNOWN),
    ]
    written = scheme().write(Example(["a", "b"], relations=[relation for relation, _ in lost]))
    assert written.lost == lost
    assert written.kept and not written.tags.any()


def test_each_head_finds_its_nearest_tail_and_each_tail_its_nearest_head():
    # E1 at 0 and 2, E2 at 3, 8 and 9: both heads are nearest to 3; 8 and 9 are nearest to the head at 2.
    tags = scheme().write(sentence(10, *(((h, h + 1), "born_in", (t, t + 1)) for h in (0, 2) for t in (3, 8, 9)))).tags
    nearest = [(0, 3), (2, 3), (2, 8), (2, 9)]
    assert read(scheme(), tags) == [((h, h + 1), "born_in", (t, t + 1)) for h, t in nearest]
    assert len(read(scheme(decoding="all_pairs"), tags)) == 6


def test_nearest_is_measured_from_beginning_to_beginning():
    example = sentence(10, ((0, 5), "born_in", (6, 7)), ((9, 10), "born_in", (6, 7)))
    assert decoded(scheme(), example) == [((0, 5), "born_in", (6, 7)), ((9, 10), "born_in", (6, 7))]
    heads = sentence(10, ((0, 1), "born_in", (3, 6)), ((7, 8), "born_in", (3, 6)), ((0, 1), "born_in", (9, 10)))
    assert ((7, 8), "born_in", (9, 10)) in decoded(scheme(), heads)


@pytest.mark.parametrize("decoding", ["nearest", "all_pairs"])
def test_a_head_without_a_tail_is_no_triple(decoding):
    tags = scheme().write(sentence(6, (ADA, "lives_in", LONDON))).tags
    for alone in (slice(0, 2), slice(4, 5)):
        spoiled = tags.copy()
        spoiled[alone] = 0
        assert read(scheme(decoding=decoding), spoiled) == []


def test_a_triple_is_as_sure_as_its_mentions_together():
    tags = scheme()
    written = tags.write(sentence(6, (ADA, "lives_in", LONDON))).tags
    (relation,) = tags.read(written.tolist(), [0.9, 0.7, 1.0, 1.0, 0.5, 1.0])
    assert relation.head.score == pytest.approx(0.8)
    assert relation.tail.score == pytest.approx(0.5)
    assert relation.score == pytest.approx(0.4)


def test_no_relations_at_all():
    tags = JointTags([], "BIO", "first", "nearest")
    assert tags.size == 1
    assert decoded(tags, sentence(3)) == []
    assert tags.write(Example([])).tags.shape == (0,)


@pytest.mark.parametrize("positions", ["BIO", "BIES"])
@pytest.mark.parametrize("mentions", [((0, 1), (0, 2)), ((0, 2), (0, 1)), ((0, 3), (1, 2)), ((1, 2), (0, 2))])
def test_a_mention_neither_lengthens_nor_shortens_an_earlier_one(positions, mentions):
    first, second = mentions
    example = sentence(12, (first, "born_in", (8, 9)), (second, "born_in", (10, 11)))
    written = scheme("first", positions=positions).write(example)
    assert read(scheme(positions=positions), written.tags) == [(first, "born_in", (8, 9))]
    assert written.lost == [(example.relations[1], TAKEN)]


def test_what_decoding_pairs_otherwise_is_lost_for_that_cause():
    triples = [((0, 1), "born_in", (1, 2)), ((4, 5), "born_in", (5, 6)), ((0, 1), "born_in", (5, 6))]
    example = sentence(12, *triples)
    assert scheme("first", "nearest").write(example).lost == [(example.relations[2], PAIRED)]
    assert scheme("first", "all_pairs").write(example).lost == []
