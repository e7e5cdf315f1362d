import numpy as np
import pytest

from relx.embedders.transformer import best_windows, longest_whole_span, window_starts


@pytest.mark.parametrize("length", [0, 1, 7, 8])
def test_what_fits_is_one_window(length):
    assert window_starts(length, 8).tolist() == [0]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("length", [9, 12, 13, 40])
def test_windows_overlap_by_half_and_cover_everything(length, size):
    starts = window_starts(length, size)
    assert starts[0] == 0 and starts[-1] == length - size
    assert (np.diff(starts) >= 1).all() and (np.diff(starts) <= size - size // 2).all()
    assert len(starts) <= 2 * length / size + 1


def test_a_span_goes_to_the_window_where_its_narrower_side_is_widest():
    starts = np.array([0, 4, 8])
    begin = np.arange(16)
    assert best_windows(begin, begin + 1, starts, 8).tolist() == [0] * 6 + [1] * 4 + [2] * 6
    assert best_windows(np.array([3, 5]), np.array([8, 9]), starts, 8).tolist() == [0, 1], "not cut in two"


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_spans_that_are_longest_whole_span_are(size):
    span = longest_whole_span(size)
    for length in range(size, 30):
        starts = window_starts(length, size)
        begin = np.arange(length - span + 1)
        best = starts[best_windows(begin, begin + span, starts, size)]
        assert (best <= begin).all() and (begin + span <= best + size).all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_the_best_window_is_the_first_of_all_with_most_context(size):
    draw = np.random.default_rng(size)
    for length in range(1, 40):
        starts = window_starts(length, size)
        begin = draw.integers(0, length, 20)
        end = np.minimum(length, begin + draw.integers(1, 4, 20))
        context = np.minimum(begin - starts[:, None], starts[:, None] + size - end)
        assert best_windows(begin, end, starts, size).tolist() == context.argmax(axis=0).tolist()


def test_a_sequence_of_any_length_takes_little_memory():
    starts = window_starts(10**6, 62)
    begin = np.arange(10**6)
    best = starts[best_windows(begin, begin + 1, starts, 62)]
    assert (best <= begin).all() and (begin < best + 62).all()
