import pytest

from relx.data.example import Entity, Example, Relation
from relx.data.overlap import classes_of, overlap_classes


@pytest.mark.parametrize(
    ("triples", "classes"),
    [
        ([], ()),
        ([("a", "r", "b")], ("Normal",)),
        ([("a", "r", "b"), ("c", "r", "d")], ("Normal",)),
        ([("a", "r", "b"), ("a", "s", "b")], ("EPO",)),
        ([("a", "r", "b"), ("b", "s", "a")], ("SEO",)),
        ([("a", "r", "b"), ("a", "r", "c")], ("SEO",)),
        ([("a", "r", "b"), ("a", "s", "b"), ("a", "r", "c")], ("EPO", "SEO")),
        ([("a", "r", "a")], ("SEO",)),
        ([("a", "r", "b"), ("a", "r", "b")], ("EPO",)),
    ],
)
def test_classes(triples, classes):
    assert classes_of(triples) == classes


def test_a_sentence_is_classed_by_its_unique_triples_and_by_text():
    first, again, other, lost = Entity(0, 1), Entity(2, 3), Entity(1, 2), Entity(None, None, None, "c")
    twice = Example(["a", "b", "a"], relations=[Relation(first, "r", other), Relation(again, "r", other)])
    assert overlap_classes(twice) == ("Normal",)
    shared = Example(["a", "b", "a"], relations=[Relation(first, "r", other), Relation(again, "r", lost)])
    assert overlap_classes(shared) == ("SEO",)
