import pytest
from scoring_sentences import ANN, lives, sentence

from relx.data.example import Example
from relx.errors import DataError
from relx.scoring import score

A, B = Example(["a", "b", "c"]), Example(["d", "e"])


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([A, B], [B, A], "sentence 1: token 1 is 'a' in the gold data and 'd' in the predicted"),
        ([B, A], [B, Example(["a", "x", "c"])], "sentence 2: token 2 is 'b' in the gold data and 'x'"),
        ([A], [Example(["a", "b"])], "sentence 1: it has 3 tokens in the gold data and 2 in the predicted"),
        ([A, B], [A], "sentence 2 is only in the gold data: 'd e'; there are 2 gold and 1 predicted"),
        ([A], [A, B], "sentence 2 is only in the predicted data: 'd e'; there are 1 gold and 2 predicted"),
    ],
)
def test_the_first_sentence_that_differs_is_named(gold, predicted, message):
    with pytest.raises(DataError, match=message):
        score(gold, predicted)


def test_copies_of_the_tokens_are_the_same_sentence():
    assert score([sentence(lives(ANN))], [sentence(lives(ANN))]).triples.f1 == 1.0
