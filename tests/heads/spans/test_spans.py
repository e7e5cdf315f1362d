import random

import torch
from span_equations import numbers_of, random_spans, spans_of

from relx.data.spans import Spans, best_labels, find, labels_of_tokens, without_overlaps

ROWS, LENGTH, LABELS = 3, 8, 4


def test_of_the_spans_at_one_place_the_best_label_is_kept() -> None:
    found = spans_of([(1, 2, 0, 3), (0, 0, 4, 5), (1, 0, 0, 3), (0, 1, 4, 5), (1, 3, 1, 1), (0, 1, 4, 6)])
    scored = Spans.from_tensor(found.as_tensor(), torch.tensor([0.6, 0.5, 0.9, 0.5, 0.2, 0.1]))
    kept = best_labels(scored, LENGTH)
    assert numbers_of(kept) == [(0, 0, 4, 5), (0, 1, 4, 6), (1, 0, 0, 3), (1, 3, 1, 1)]
    torch.testing.assert_close(kept.score, torch.tensor([0.5, 0.1, 0.9, 0.2]))


def test_every_span_wanted_is_found_where_it_stands() -> None:
    draw = random.Random(1)
    for _ in range(50):
        spans = best_labels(random_spans(draw, ROWS, LENGTH, LABELS), LENGTH)
        wanted = random_spans(draw, ROWS, LENGTH, LABELS)
        number, known = find(wanted, spans, LENGTH)
        places = [(row, *span) for row, _, *span in numbers_of(spans)]
        for (row, _, *span), at, there in zip(numbers_of(wanted), number.tolist(), known.tolist(), strict=True):
            assert there == ((row, *span) in places)
            assert not there or places[at] == (row, *span)


def test_a_token_has_the_label_of_the_longest_span_over_it() -> None:
    draw = random.Random(2)
    for _ in range(50):
        spans = random_spans(draw, ROWS, LENGTH, LABELS)
        expected = torch.zeros(ROWS, LENGTH, dtype=torch.int64)
        for row, label, start, last in sorted(numbers_of(spans), key=lambda span: (span[3] - span[2], span[1])):
            expected[row, start : last + 1] = label + 1
        assert labels_of_tokens(spans, torch.Size((ROWS, LENGTH)), LABELS).equal(expected)


def test_no_spans() -> None:
    none, some = spans_of([]), spans_of([(0, 1, 2, 3)])
    assert len(best_labels(none, LENGTH)) == 0
    assert [part.tolist() for part in find(none, some, LENGTH)] == [[], []]
    assert find(some, none, LENGTH)[1].tolist() == [False]
    assert not labels_of_tokens(none, torch.Size((2, 5)), LABELS).any()
    assert labels_of_tokens(none, torch.Size((0, 5)), LABELS).shape == (0, 5)


def test_numbers_and_back() -> None:
    spans = random_spans(random.Random(3), ROWS, LENGTH, LABELS)
    assert Spans.from_tensor(spans.as_tensor(), spans.score).as_tensor().equal(spans.as_tensor())
    assert Spans.from_cells(spans.cells).as_tensor().equal(spans.as_tensor())


def test_of_overlapping_spans_the_best_are_kept() -> None:
    """A span that overlaps a kept one is dropped, and lets those live that it alone overlaps."""
    found = spans_of([(0, 0, 0, 2), (0, 1, 2, 4), (0, 2, 4, 6), (0, 0, 5, 5), (1, 0, 0, 2), (2, 0, 0, 0), (2, 1, 0, 1)])
    scored = Spans.from_tensor(found.as_tensor(), torch.tensor([0.5, 0.9, 0.8, 0.7, 0.1, 0.6, 0.6]))
    assert numbers_of(without_overlaps(scored)) == [(0, 1, 2, 4), (0, 0, 5, 5), (1, 0, 0, 2), (2, 0, 0, 0)]
    draw = random.Random(2)
    for _ in range(50):
        spans = random_spans(draw, ROWS, LENGTH, LABELS)
        spans = Spans.from_tensor(spans.as_tensor(), torch.tensor([draw.choice((0.1, 0.5, 0.9)) for _ in spans.label]))
        kept = list(without_overlaps(spans).items())
        for row, _, start, last, score in spans.items():
            over = [k for k in kept if k[0] == row and k[2] <= last and start <= k[3]]
            assert over, "each span is kept, or overlaps a kept one that is as good"
            assert max(k[4] for k in over) >= score
        assert sum(last - start + 1 for _, _, start, last, _ in kept) == len(
            {(row, token) for row, _, start, last, _ in kept for token in range(start, last + 1)}
        )
