import random

import pytest
import torch
from sentences import disjoint_spans
from torch.nn import functional as F

from relx.heads.schemes.tags import OUTSIDE, TagScheme, best_tags, gold_logits, tagging_loss

LABELS = ["PER", "LOC", "ORG"]


def spelled(scheme, tags):
    """Tags as people write them: O, B-PER, ..."""
    names = ["O", *(f"{position}-{label}" for label in scheme.labels for position in scheme.positions)]
    return " ".join(names[tag] for tag in tags)


def tags_of(scheme, text):
    names = spelled(scheme, range(scheme.size)).split(" ")
    return [names.index(name) for name in text.split(" ")]


def read(scheme, tags):
    return [(span.start, span.end, span.label) for span in scheme.read(tags, [1.0] * len(tags))]


def strictly_read(names):
    """A second reading of the schemes: from each beginning, over its insides, to its end."""
    found = []
    for start, name in enumerate(names):
        position, _, label = name.partition("-")
        end = start + 1
        while end < len(names) and names[end] == f"I-{label}":
            end += 1
        if position == "S":
            found.append((start, start + 1, label))
        elif position == "B" and f"E-{label}" in names[end : end + 1]:
            found.append((start, end + 1, label))
        elif position == "B" and names.bio:
            found.append((start, end, label))
    return found


class Names(list):
    bio = False


@pytest.mark.parametrize("positions", ["BIO", "BIES"])
def test_disjoint_spans_survive_the_round_trip(positions):
    draw = random.Random(1)
    scheme = TagScheme(LABELS, positions)
    for _ in range(300):
        length = draw.randint(1, 12)
        spans = [(start, end, draw.choice(LABELS)) for start, end in disjoint_spans(draw, length)]
        tags = [OUTSIDE] * length
        for start, end, label in spans:
            tags[start:end] = scheme.span(end - start, label)
        assert read(scheme, tags) == spans


@pytest.mark.parametrize("positions", ["BIO", "BIES"])
def test_any_sequence_of_tags_is_read_strictly(positions):
    draw = random.Random(2)
    scheme = TagScheme(LABELS[:2], positions)
    for _ in range(3000):
        tags = [draw.randrange(scheme.size) for _ in range(draw.randint(0, 8))]
        names = Names(spelled(scheme, tags).split(" ")) if tags else Names()
        names.bio = positions == "BIO"
        assert read(scheme, tags) == strictly_read(names), names


@pytest.mark.parametrize(
    "positions, text, spans",
    [
        ("BIO", "B-PER I-PER O B-PER B-PER", [(0, 2, "PER"), (3, 4, "PER"), (4, 5, "PER")]),
        ("BIO", "I-PER I-PER O B-LOC", [(3, 4, "LOC")]),
        ("BIO", "B-PER I-LOC I-PER", [(0, 1, "PER")]),
        ("BIES", "B-PER I-PER E-PER S-PER", [(0, 3, "PER"), (3, 4, "PER")]),
        ("BIES", "B-PER I-PER O S-LOC", [(3, 4, "LOC")]),
        ("BIES", "E-PER B-PER E-LOC", []),
        ("BIES", "B-PER B-PER E-PER", [(1, 3, "PER")]),
        ("BIES", "B-PER I-PER", []),
    ],
)
def test_strictness(positions, text, spans):
    scheme = TagScheme(LABELS, positions)
    assert read(scheme, tags_of(scheme, text)) == spans


@pytest.mark.parametrize("positions, size", [("BIO", 7), ("BIES", 13)])
def test_the_number_of_tags(positions, size):
    assert TagScheme(LABELS, positions).size == size
    assert TagScheme([], positions).size == 1
    assert read(TagScheme([], positions), [0, 0]) == []


def test_a_span_is_written_position_by_position():
    bio, bies = TagScheme(LABELS, "BIO"), TagScheme(LABELS, "BIES")
    assert [spelled(bio, bio.span(n, "LOC")) for n in (1, 3)] == ["B-LOC", "B-LOC I-LOC I-LOC"]
    assert [spelled(bies, bies.span(n, "LOC")) for n in (1, 2, 3)] == ["S-LOC", "B-LOC E-LOC", "B-LOC I-LOC E-LOC"]


def test_a_span_is_as_sure_as_its_tokens_on_average():
    scheme = TagScheme(LABELS, "BIO")
    (span,) = scheme.read(tags_of(scheme, "O B-PER I-PER O"), [0.1, 0.9, 0.5, 0.1])
    assert span.score == pytest.approx(0.7)


def test_the_best_tags_of_real_tokens_and_their_probabilities():
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    tags, scores = best_tags(logits, torch.tensor([[True, True, True], [True, False, False]]))
    probabilities, best = logits.softmax(dim=-1).max(dim=-1)
    assert tags == [best[0].tolist(), best[1, :1].tolist()]
    torch.testing.assert_close(scores[0], probabilities[0].tolist(), rtol=1e-5, atol=0)
    assert len(scores[1]) == 1


def test_the_loss_is_summed_over_real_tokens_and_averaged_over_sentences():
    logits = torch.randn(2, 3, 4)
    tags = torch.tensor([[1, 0, 3], [2, 0, 0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    each = [F.cross_entropy(logits[b, t], tags[b, t]) for b, t in [(0, 0), (0, 1), (0, 2), (1, 0)]]
    torch.testing.assert_close(tagging_loss(logits, tags, mask), sum(each) / 2)
    each[1] = each[1] * 0.1
    torch.testing.assert_close(tagging_loss(logits, tags, mask, outside_weight=0.1), sum(each) / 2)


def test_certainty_leaves_no_doubt():
    tags, scores = best_tags(gold_logits(torch.tensor([[2, 0, 1]]), 3), torch.ones(1, 3, dtype=torch.bool))
    assert tags == [[2, 0, 1]]
    assert scores[0] == pytest.approx([1, 1, 1])
