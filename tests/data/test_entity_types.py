import pytest
from sentences import sentence

from relx.data.example import Entity, Example
from relx.data.vocabulary import EntityTypes, Vocabulary
from relx.errors import ArchiveError
from relx.heads.schemes.tags import EntityTags

SIGNATURES = {"born_in": ["PER", "LOC"], "capital": ["LOC", "LOC"], "founded": ["PER", "ORG"]}
TYPED = Example(["Ada", "met", "Bob", "of", "Acme"], [Entity(0, 1, "PER"), Entity(2, 3, "PER"), Entity(4, 5, "ORG")])
UNTYPED = sentence(6, ((0, 1), "born_in", (2, 3)), ((0, 1), "founded", (4, 5)), ((4, 5), "born_in", (2, 3)))


def types(*examples, signatures=None):
    return EntityTypes(Vocabulary(list(examples)), signatures)


def read(tags, written):
    return [(*entity.span, entity.type) for entity in tags.read(written.tolist(), [1.0] * len(written))]


def test_types_of_the_data_go_before_signatures():
    known = types(TYPED, UNTYPED, signatures=SIGNATURES)
    assert known.source == "data"
    assert [known.type_of(entity, TYPED) for entity in TYPED.entities] == ["PER", "PER", "ORG"]
    assert known.type_of(UNTYPED.entities[0], UNTYPED) == "MISC"
    assert known.names.items == ["MISC", "PER", "ORG"]


def test_types_are_induced_from_the_relations_where_these_agree():
    known = types(UNTYPED, signatures=SIGNATURES)
    assert known.source == "induced from relation signatures"
    by_span = {entity.span: known.type_of(entity, UNTYPED) for entity in UNTYPED.entities}
    assert by_span == {(0, 1): "PER", (2, 3): "LOC", (4, 5): "MISC"}


def test_an_entity_of_no_relation_and_one_without_signature_are_misc():
    example = sentence(6, ((0, 1), "unheard_of", (2, 3)))
    example.entities.append(Entity(4, 5))
    known = types(example, signatures=SIGNATURES)
    assert {known.type_of(entity, example) for entity in example.entities} == {"MISC"}


def test_without_types_and_signatures_all_are_misc():
    known = types(UNTYPED)
    assert known.source == "none"
    assert known.names.items == ["MISC"]


def test_signatures_of_other_relations_induce_nothing():
    known = types(sentence(6, ((0, 1), "unheard_of", (2, 3))), signatures=SIGNATURES)
    assert (known.source, known.names.items) == ("none", ["MISC"])


def test_no_entities_at_all():
    known = types(Example(["a"]))
    assert (known.source, len(known.names)) == ("none", 0)
    assert EntityTags(known).scheme.size == 1


@pytest.mark.parametrize(("signatures", "sizes"), [(None, {}), (SIGNATURES, {"entity_types": 3})])
def test_the_placeholder_type_of_data_without_types_is_not_shown(signatures, sizes):
    vocabulary = Vocabulary([UNTYPED])
    EntityTypes(vocabulary, signatures)
    assert vocabulary.sizes() == Vocabulary.from_files(vocabulary.files()).sizes() == sizes
    assert len(vocabulary.namespaces["entity_types"]) == sizes.get("entity_types", 1)


def test_the_choice_is_remembered_with_the_vocabulary():
    vocabulary = Vocabulary([UNTYPED])
    EntityTypes(vocabulary, SIGNATURES)
    assert vocabulary.facts["entity_types"] == "induced from relation signatures"
    back = EntityTypes(Vocabulary.from_files(vocabulary.files()), SIGNATURES)
    assert back.source == "induced from relation signatures"
    assert back.names.items == ["LOC", "MISC", "PER"]
    with pytest.raises(ArchiveError):
        EntityTypes(Vocabulary.from_files(Vocabulary([]).files()), SIGNATURES)


def test_a_signature_is_a_pair():
    with pytest.raises(ValueError, match="'born_in' has 1 types; expected"):
        types(UNTYPED, signatures={"born_in": ["PER"]})


def test_entities_come_back_with_the_types_of_the_data():
    tags = EntityTags(types(TYPED))
    assert read(tags, tags.write(TYPED)) == [(0, 1, "PER"), (2, 3, "PER"), (4, 5, "ORG")]


def test_types_that_the_data_does_not_know_are_not_predicted():
    tags = EntityTags(types(UNTYPED, signatures=SIGNATURES))
    assert read(tags, tags.write(UNTYPED)) == [(0, 1, None), (2, 3, None), (4, 5, None)]


def test_of_overlapping_entities_the_longest_is_tagged():
    nested = Example(["w"] * 6, [Entity(0, 1), Entity(0, 3), Entity(2, 4), Entity(5, 6)])
    tags = EntityTags(types(nested))
    assert read(tags, tags.write(nested)) == [(0, 3, None), (5, 6, None)]


def test_unlocated_entities_and_unknown_types_are_left_out():
    tags = EntityTags(types(TYPED))
    other = Example(["a", "b"], [Entity(None, None, "PER", "elsewhere"), Entity(0, 1, "GPE"), Entity(1, 2, "ORG")])
    assert read(tags, tags.write(other)) == [(1, 2, "ORG")]


def test_entities_bear_scores():
    tags = EntityTags(types(TYPED))
    (entity,) = tags.read(tags.write(Example(["a"], [Entity(0, 1, "PER")])).tolist(), [0.25])
    assert entity.score == 0.25
