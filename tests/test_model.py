import pytest
import torch
from padding import assert_every_parameter_learns
from sentences import sentence

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.cascade.head import Cascade
from relx.heads.hmt import HMT
from relx.model import JointExtractor
from relx.registry import Lazy

TRAINING = [
    sentence("Ada Lovelace was born in London", ((0, 2), "born_in", (5, 6))),
    sentence("London is in England", ((0, 1), "in", (3, 4))),
    sentence("nothing"),
]
SENTENCES = [
    *TRAINING,
    Example([]),
    Example(["England"]),
    sentence("London London was Ada in in Ada England is nothing Lovelace new words here"),
]
WORDS, HEAD = Lazy(WordEmbedder, dim=5), Lazy(HMT, hidden_size=4, tag_dim=3)
ENCODER = Lazy(LSTMEncoder, hidden_size=6)


@pytest.fixture
def model():
    """Weights so large, and a seed such, that the model finds a lot."""
    torch.manual_seed(5)
    made = JointExtractor(Vocabulary(TRAINING), WORDS, HEAD, ENCODER).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def said(predicted):
    """Predictions as numbers to be compared: spans, types, and scores but for rounding."""
    return [
        [(r.head.span, r.type, r.tail.span, round(r.score, 8)) for r in example.relations]
        + [(*entity.span, entity.type, round(entity.score, 8)) for entity in example.entities]
        for example in predicted
    ]


def test_a_head_without_relations_is_built_without_a_warning_of_torch(recwarn):
    JointExtractor(Vocabulary([sentence("nothing")]), WORDS, Lazy(Cascade), ENCODER)
    assert not recwarn.list


def test_each_part_is_told_the_size_of_the_part_before_it(model):
    assert (model.encoder.output_dim, model.head.entity_task.encoder.forwards[0].input_size) == (12, 12)
    bare = JointExtractor(Vocabulary(TRAINING), WORDS, HEAD)
    assert bare.head.entity_task.encoder.forwards[0].input_size == 5


def test_predictions_come_in_the_order_of_the_sentences(model):
    predicted = model.extract(SENTENCES, DataLoader(batch_size=2))
    assert [example.tokens for example in predicted] == [example.tokens for example in SENTENCES]
    assert sum(len(example.relations) for example in predicted) > 9
    assert all(example.relations is not gold.relations for example, gold in zip(predicted, SENTENCES, strict=True))


@pytest.mark.parametrize("loader", [DataLoader(1), DataLoader(64), DataLoader(64, max_tokens=8)])
def test_a_prediction_does_not_depend_on_its_batch(model, loader):
    expected = [said(model.extract([example], DataLoader()))[0] for example in SENTENCES]
    assert said(model.extract(SENTENCES, loader)) == expected
    assert said(model.extract(SENTENCES[::-1], loader)) == expected[::-1]


def test_nothing_gives_nothing(model):
    assert model.extract([], DataLoader()) == []
    assert said(model.extract([Example([]), Example([])], DataLoader())) == [[], []]


def test_sentences_may_come_from_an_iterator_and_labels_are_not_looked_at(model):
    unlabeled = (example.unlabeled() for example in SENTENCES)
    assert said(model.extract(unlabeled, DataLoader())) == said(model.extract(SENTENCES, DataLoader()))


@pytest.mark.parametrize("training", [True, False])
def test_extraction_is_without_dropout_and_gives_the_mode_back(model, training):
    model.train(training)
    first = said(model.extract(SENTENCES, DataLoader()))
    assert said(model.extract(SENTENCES, DataLoader())) == first
    assert {module.training for module in model.modules()} == {training}


def test_the_mode_comes_back_after_an_error_too(model):
    def decode(scores, batch):
        raise KeyboardInterrupt

    model.head.decode = decode
    with pytest.raises(KeyboardInterrupt):
        model.extract(SENTENCES, DataLoader())
    assert model.training
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_the_loss_reaches_every_parameter(model):
    corpus = TensorDataset(SENTENCES, model.index_labeled)
    assert_every_parameter_learns(model, model(corpus.batch(list(range(len(SENTENCES))))))


def test_it_learns(model):
    torch.manual_seed(0)
    model = JointExtractor(Vocabulary(TRAINING), Lazy(WordEmbedder, dim=20), Lazy(HMT, hidden_size=20, tag_dim=20))
    batch = TensorDataset(TRAINING, model.index_labeled).batch([0, 1, 2])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()
    for gold, predicted in zip(TRAINING, model.extract(TRAINING, DataLoader()), strict=True):
        assert [relation[:1] for relation in gold.relations] == [
            (relation.head._replace(score=None),) for relation in predicted.relations
        ]
        assert all(0.5 < relation.score <= 1 for relation in predicted.relations)


def test_it_knows_where_its_weights_are(model):
    assert model.device == torch.device("cpu")


def test_the_loss_is_taken_in_single_precision_under_autocast():
    torch.manual_seed(5)
    small = JointExtractor(Vocabulary(TRAINING), WORDS, HEAD, ENCODER)
    batch = TensorDataset(TRAINING, small.index_labeled).batch(range(len(TRAINING)))
    seen = []
    loss = small.head.loss

    def spy(scores, batch):
        seen.append(({score.dtype for score in scores.values()}, torch.is_autocast_enabled("cpu")))
        return loss(scores, batch)

    small.head.loss = spy
    with torch.autocast("cpu", torch.bfloat16):
        assert {score.dtype for score in small.scores(batch).values()} == {torch.bfloat16}
        assert small(batch).dtype == torch.float32
    assert seen == [({torch.float32}, False)]
