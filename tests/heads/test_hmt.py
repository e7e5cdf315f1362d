import literal
import pytest
import torch
from batches import inputs_of, labeled_batch
from sentences import sentence, spans

from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.lstm import PeepholeLSTMEncoder
from relx.heads.hmt import HMT
from relx.heads.schemes.tags import tagging_loss
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM = 4
EXAMPLES = [
    sentence(9, ((0, 2), "lives_in", (4, 5)), ((0, 2), "lives_in", (8, 9)), ((5, 6), "contains", (6, 8))),
    sentence(1),
    sentence(4, ((2, 4), "lives_in", (0, 1))),
    sentence(0),
    sentence(6),
]
PEEPHOLE = Lazy(PeepholeLSTMEncoder, hidden_size=3)


def head(examples=EXAMPLES, **arguments):
    torch.manual_seed(0)
    sizes = {"hidden_size": 3, "tag_dim": 2, "dropout": 0.0}
    made = HMT(DIM, Vocabulary(list(examples)), **{**sizes, **arguments}).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def loss_of(made, examples):
    batch = labeled_batch(made, examples, DIM)
    return made.loss(made(batch, inputs_of), batch)


@pytest.mark.parametrize("encoder", [None, PEEPHOLE], ids=["lstm", "peephole_lstm"])
@pytest.mark.parametrize("entity_task", [True, False])
@pytest.mark.parametrize("feedback", ["soft", "argmax", "none"])
def test_the_loss_equals_the_equations_value_and_gradients(encoder, entity_task, feedback):
    made = head(encoder=encoder, entity_task=entity_task, feedback=feedback)
    fused, looped = loss_of(made, EXAMPLES), _literal_loss(made)
    torch.testing.assert_close(fused, looped, rtol=1e-12, atol=0)
    gradients = (torch.autograd.grad(loss, list(made.parameters()), allow_unused=True) for loss in (fused, looped))
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None) or not ours.any()
        if theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def _literal_loss(made):
    """Eq. 6 and 7 over the sentences, as a loss for each sentence."""
    batch = labeled_batch(made, EXAMPLES, DIM)
    total = torch.zeros((), dtype=torch.float64)
    for row, example in enumerate(EXAMPLES):
        if example.tokens:
            words = inputs_of(batch)[row, : len(example)]
            if made.entity_task is not None:
                h_en, entities = literal.log_likelihood(words, made.entity_task, _tags(batch, "entity_tags", row))
                words, total = torch.cat((words, h_en), dim=1), total + entities
            total = total + literal.log_likelihood(words, made.joint_task, _tags(batch, "joint_tags", row))[1]
    return -total / len(EXAMPLES)


def _tags(batch, name, row):
    return batch[name][row, : len(batch.examples[row])].tolist()


def test_the_published_sizes():
    """6.34 million weights for NYT10's 29 relations: hidden size 300, word vectors of 300, 4 entity types."""
    relations = [((0, 1), f"r{number}", (1, 2)) for number in range(29)]
    examples = [sentence(2, *relations)]
    signatures = {"r0": ["PER", "LOC"], "r1": ["ORG", "MISC"]}
    examples += [sentence(2, ((0, 1), name, (1, 2))) for name in signatures]
    made = HMT(300, Vocabulary(examples), signatures=signatures)
    assert made.joint_tags.size == 117
    assert made.entity_tags.scheme.size == 17
    assert sum(parameter.numel() for parameter in made.parameters()) == pytest.approx(6.34e6, rel=0.01)


@pytest.mark.parametrize("entity_scheme", ["BIO", "BIES"])
@pytest.mark.parametrize("joint_scheme", ["BIO", "BIES"])
def test_each_task_has_the_tag_scheme_that_it_is_given(entity_scheme, joint_scheme):
    made = head(entity_scheme=entity_scheme, joint_scheme=joint_scheme)
    positions = {"BIO": 2, "BIES": 4}
    assert made.entity_tags.scheme.size == 1 + positions[entity_scheme]
    assert made.joint_tags.size == 1 + 2 * 2 * positions[joint_scheme]
    for example, decoded in zip(EXAMPLES, oracle_decode(made, EXAMPLES), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))


def test_the_paper_has_bies_for_entities_and_bio_for_relations():
    made = head()
    assert (made.entity_tags.scheme.positions, made.joint_tags.scheme.positions) == ("BIES", "BI")


def joint_loss(output, batch):
    """The loss without that of the entities."""
    return tagging_loss(output["joint"], batch["joint_tags"], batch.mask & batch["joint_kept"].unsqueeze(1))


def test_the_relations_read_the_encoding_of_the_entities():
    made = head()
    batch = labeled_batch(made, EXAMPLES, DIM)
    joint_loss(made(batch, inputs_of), batch).backward()
    assert made.entity_task.encoder.forwards[0].weight_ih_l0.grad.abs().sum() > 0
    assert made.entity_task.decoder.output.weight.grad is None


def test_it_learns_a_handful_of_sentences():
    made = head(hidden_size=20, tag_dim=10)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        loss_of(made, EXAMPLES).backward()
        optimizer.step()
    batch = labeled_batch(made, EXAMPLES, DIM)
    decoded = made.decode(made.eval()(batch, inputs_of), batch)
    assert [set(spans(example)) for example in decoded] == [set(spans(example)) for example in EXAMPLES]


def test_without_the_entity_task_entities_are_the_mentions_of_relations():
    made = head(entity_task=False)
    batch = labeled_batch(made, EXAMPLES, DIM)
    scores = made(batch, inputs_of)
    assert set(scores) == {"joint"}
    decoded = made.decode(scores, batch)
    for example in decoded:
        assert set(example.entities) == {m for r in example.relations for m in (r.head, r.tail)}


def test_a_dropped_sentence_teaches_its_entities_only():
    clash = sentence(4, ((0, 1), "lives_in", (2, 3)), ((0, 1), "contains", (3, 4)))
    made = head([*EXAMPLES, clash], conflict="drop_sentence")
    batch = labeled_batch(made, [clash], DIM)
    scores = made(batch, inputs_of)
    assert joint_loss(scores, batch) == 0
    assert made.loss(scores, batch) > 0


def test_dropout_acts_in_training_only():
    made = head(dropout=0.5)
    assert loss_of(made, EXAMPLES) != loss_of(made, EXAMPLES)
    made.eval()
    assert loss_of(made, EXAMPLES) == loss_of(made, EXAMPLES)


@pytest.mark.parametrize("arguments", [{"hidden_size": 0}, {"tag_dim": -1}, {"dropout": 2.0}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        head(**arguments)
