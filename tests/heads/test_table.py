import random
from collections import Counter
from dataclasses import replace

import pytest
import table_equations
import torch
from batches import inputs_of, labeled_batch
from padding import assert_every_parameter_learns
from sentences import sentence, spans

from relx.data.example import Entity, Example, Relation
from relx.data.spans import pairs_within
from relx.data.vocabulary import Vocabulary
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.encoders.seq2seq.partition_filter import PartitionFilterEncoder
from relx.heads.head import SHARED
from relx.heads.pair_scorers.scorers import LinearPairScorer, PFNPairScorer
from relx.heads.table import REVERSED, TableFilling
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM = 5
# Features of entities alone, of both tasks, of relations alone.
RANGES = {"entity": [(0, 1), (2, 4)], "relation": [(2, 4), (1, 2), (4, 5)]}
OWN = {"entity": [(0, 1)], "relation": [(1, 2), (4, 5)]}
PEOPLE = [Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(1, 4, "ORG"), Entity(3, 5, "LOC")]
EXAMPLES = [
    Example(list("abcde"), PEOPLE[:2], [Relation(PEOPLE[0], "in", PEOPLE[1]), Relation(PEOPLE[1], "in", PEOPLE[0])]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcba"), PEOPLE, [Relation(PEOPLE[2], "at", PEOPLE[0]), Relation(PEOPLE[2], "in", PEOPLE[0])]),
    Example(list("cd"), [], []),
]
VARIANTS = [
    {},
    {"tables": "last", "hidden_size": 3},
    {"tables": "both", "allow_self": False},
    {"global_feature": False, "threshold": 0.3, "cells": "view"},
    {"cells": "view"},
]


def head_of(examples=EXAMPLES, bias=0.0, task_features=None, **arguments):
    torch.manual_seed(1)
    scorer = Lazy(PFNPairScorer, hidden_size=3, bias=bias)
    task_features = task_features or TaskFeatures(DIM, RANGES)
    return TableFilling(task_features, Vocabulary(examples), **{"pair_scorer": scorer, **arguments}).double()


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_loss_and_gradients_are_those_of_every_cell(arguments):
    head = head_of(**arguments)
    batch = labeled_batch(head, EXAMPLES, DIM)
    inputs = batch["inputs"].requires_grad_()
    expected = sum(
        literal_loss(head, example, row[: len(example)]) for example, row in zip(EXAMPLES, inputs, strict=True)
    )
    loss = head.loss(head(batch, inputs_of), batch)
    torch.testing.assert_close(loss, expected / len(EXAMPLES), rtol=1e-12, atol=0)
    wanted = [inputs, *head.parameters()]
    ours, theirs = (torch.autograd.grad(value, wanted) for value in (loss, expected / len(EXAMPLES)))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)
    assert_every_parameter_learns(head, head.loss(head(batch, inputs_of), batch))


def ranges_of_cells(head):
    return RANGES if head.entity_features.of_token is head.entity_features.task_features else OWN


def literal_loss(head, example, words):
    if not len(words):
        return 0
    tables = table_equations.tables(words, head, RANGES, ranges_of_cells(head))
    types, relations = head.types.names, head.scheme.relations
    gold = {(e.span[0], e.span[1] - 1, types.get(e.type)) for e in example.entities}
    total = table_equations.loss(tables.pop("spans"), gold, in_order=True)
    for anchor, table in tables.items():
        token = (lambda e: e.span[0]) if anchor == "first" else (lambda e: e.span[1] - 1)
        cells = {(token(r.head), token(r.tail), relations.get(r.type)) for r in example.relations}
        total = total + table_equations.loss(table, cells, in_order=False)
    return total


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_predictions_are_those_of_full_tables(arguments):
    head = head_of(bias=0.2, **arguments).requires_grad_(False)
    batch = labeled_batch(head, EXAMPLES, DIM)
    for name in [name for name in batch.tensors if name != "inputs"]:
        del batch.tensors[name]
    predicted, counts = head.decode(head(batch, inputs_of), batch), Counter()
    for words, found in zip(batch["inputs"], predicted, strict=True):
        if not len(found):
            continue
        tables = table_equations.tables(words[: len(found)], head, RANGES, ranges_of_cells(head))
        entities, triples = table_equations.read(tables, arguments.get("threshold", 0.5))
        if not arguments.get("allow_self", True):
            triples = {key: score for key, score in triples.items() if key[0] != key[2]}
        names = head.types.names
        assert {(e.start, e.end - 1): (names.get(e.type), pytest.approx(e.score)) for e in found.entities} == entities
        ours = {
            (inclusive(r.head), head.scheme.relations.get(r.type), inclusive(r.tail)): r.score for r in found.relations
        }
        assert ours == {key: pytest.approx(score) for key, score in triples.items()}
        counts.update(entities=len(entities), triples=len(triples))
    assert counts["entities"] > 5 and counts["triples"] > 5


def inclusive(entity):
    return entity.span[0], entity.span[1] - 1


@pytest.mark.parametrize("tables", ["first", "last", "both"])
def test_gold_comes_back_or_is_lost_to_a_mention_with_the_same_token(tables):
    draw = random.Random(1)
    examples = [nested_sentence(draw) for _ in range(200)]
    head, causes = head_of(examples, tables=tables), Counter()
    for gold, found in zip(examples, oracle_decode(head, examples), strict=True):
        lost = head.targets(gold).lost
        causes.update(cause for _, cause in lost)
        held = [relation for relation in gold.relations if relation not in [relation for relation, _ in lost]]
        assert set(spans(Example([], [], held))) <= set(spans(found))
        assert not {spans(Example([], [], [relation]))[0] for relation, _ in lost} & set(spans(found))
        assert [entity.span for entity in found.entities] == sorted({entity.span for entity in gold.entities})
    assert set(causes) == (set() if tables == "both" else {SHARED})


def nested_sentence(draw):
    places = [(start, end) for start in range(5) for end in range(start + 1, 6)]
    chosen = draw.sample(places, 4)
    return sentence(5, *((draw.choice(chosen), draw.choice("ab"), draw.choice(chosen)) for _ in range(3)))


def test_of_two_mentions_with_one_first_token_the_more_probable_is_meant():
    short, long, other = (0, 1), (0, 2), (3, 4)
    example = sentence(4, (long, "a", other), (short, "a", other))
    head = head_of([example], tables="first")
    assert spans(head.oracle(labeled_batch(head, [example], DIM))[0]) == [(short, "a", other)]
    assert [cause for _, cause in head.targets(example).lost] == [SHARED]
    both = head_of([example], tables="both")
    assert both.targets(example).lost == []


def test_each_table_reads_the_view_of_its_task_only():
    head = head_of(task_features=TaskFeatures(4, {"entity": [(0, 2)], "relation": [(2, 4)]}))
    batch = labeled_batch(head, EXAMPLES, 4)
    before = head(batch, inputs_of)
    batch["inputs"][..., :2] += 1
    after = head(batch, inputs_of)
    assert not torch.equal(before["entity"], after["entity"])
    torch.testing.assert_close(before["relation"], after["relation"], rtol=0, atol=0)


def test_an_encoder_without_tasks_is_read_whole_by_both():
    head = head_of(task_features=TaskFeatures(DIM))
    batch = labeled_batch(head, EXAMPLES, DIM)
    assert head(batch, inputs_of)["relation"][..., :DIM].equal(batch["inputs"])


def test_by_default_hidden_layers_are_half_a_view_and_few_cells_are_likely():
    head = TableFilling(TaskFeatures(8), Vocabulary(EXAMPLES))
    assert head.entity.output.in_features == head.entity_features.of_sentence.linear.out_features == 4
    assert (head.entity.output.bias == -6).all() and (head.relation["first"].output.bias == -6).all()


def test_pairs_stay_within_a_row():
    first, second = pairs_within(torch.tensor([0, 0, 2, 5, 5, 5]))
    expected = [(a, b) for group in ([0, 1], [2], [3, 4, 5]) for a in group for b in group]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
    assert [len(side) for side in pairs_within(torch.tensor([], dtype=torch.long))] == [0, 0]


def changed_rows(head, changed):
    """For which words, as first word of a span, the features of entities change with some features of the last word."""
    batch = labeled_batch(head, EXAMPLES[:1], DIM)
    before, inputs = head(batch, inputs_of)["entity"], batch["inputs"][0, -1].clone()
    rows = torch.zeros(len(EXAMPLES[0]), dtype=torch.bool)
    for change in (-50, 50):  # one of them raises a maximum over the sentence
        batch["inputs"][0, -1] = inputs
        batch["inputs"][0, -1, changed] += change
        rows |= (head(batch, inputs_of)["entity"] != before).any(dim=-1)[0]
    return rows.tolist()


def test_a_cell_reads_the_shared_memory_through_the_global_feature_only():
    """PFN's public code: h_ner of both words, and of h_share the maximum over the sentence."""
    shared = slice(2, 4)
    assert changed_rows(head_of(global_feature=False), shared) == [False] * 5
    assert changed_rows(head_of(global_feature=False, cells="view"), shared) == [False] * 4 + [True]
    assert changed_rows(head_of(), shared) == [True] * 5
    assert changed_rows(head_of(), slice(1, 2)) == [False] * 5, "features of relations alone"


def test_cells_of_the_partition_filter_have_the_sizes_of_the_public_code():
    """hid2hid reads three times the hidden size, h_e of both words and the global feature, which reads [h_e; h_s]."""
    encoder = PartitionFilterEncoder(7, 4)
    head = TableFilling(encoder.task_features, Vocabulary(EXAMPLES), hidden_size=4)
    for features, scorer in ((head.entity_features, head.entity), (head.relation_features, head.relation["first"])):
        assert features.of_sentence.linear.weight.shape == (4, 8)
        # The global feature is beside both words: its two matrices add up to one.
        assert (scorer.head.weight.shape, scorer.tail.weight.shape, scorer.output.in_features) == ((4, 8), (4, 8), 4)


def test_dropout_acts_on_the_hidden_layer_of_each_cell_before_its_activation():
    scorer = head_of(pair_scorer=None, dropout=0.5, hidden_size=30).entity
    assert [type(part).__name__ for part in scorer.activation] == ["LayerNorm", "Dropout", "ELU"]
    inputs = torch.randn(1, 3, scorer.head.in_features, dtype=torch.float64)
    hidden = []
    scorer.output.register_forward_pre_hook(lambda _, given: hidden.append(given[0]))
    scorer(inputs)
    assert 0.3 < (hidden[0] == 0).double().mean() < 0.7
    scorer.eval()
    assert torch.equal(scorer(inputs), scorer(inputs))


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"hidden_size": 0},
        {"pair_scorer": None, "dropout": 1.5},
        {"dropout": 0.1},
        {"hidden_size": 3, "global_feature": False},
    ],
    ids=str,
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        head_of(**arguments)


LABELED = {"directions": "labels", "tables": "both"}


def literal_labels(head, example, words):
    """TPLinker's tables for each relation, SH-OH and ST-OT: a softmax of none, ahead and behind in each cell i <= j."""
    total = words.new_zeros(())
    relations = head.scheme.relations
    features = head.relation_features(words.unsqueeze(0), torch.ones(1, len(words), dtype=torch.bool))
    for anchor, scorer in head.relation.items():
        logits = scorer(features)[0]
        token = (lambda e: e.span[0]) if anchor == "first" else (lambda e: e.span[1] - 1)
        cells = {(token(r.head), token(r.tail), r.type) for r in example.relations}
        for i in range(len(words)):
            for j in range(i, len(words)):
                for k, name in enumerate(relations):
                    three = torch.stack((words.new_zeros(()), logits[i, j, k], logits[i, j, len(relations) + k]))
                    label = 1 if (i, j, name) in cells else 2 if (j, i, name) in cells else 0
                    total = total - three.log_softmax(0)[label]
    return total


def test_labels_of_directions_are_learned_by_a_softmax_of_each_cell():
    head = head_of(**LABELED)
    examples = [replace(EXAMPLES[0], relations=EXAMPLES[0].relations[:1]), *EXAMPLES[1:]]
    batch = labeled_batch(head, examples, DIM)
    words = [row[: len(example)] for example, row in zip(examples, batch["inputs"], strict=True)]
    entities = sum(
        table_equations.loss(
            table_equations.tables(row, head, RANGES, OWN)["spans"],
            {(e.span[0], e.span[1] - 1, head.types.names.get(e.type)) for e in example.entities},
            in_order=True,
        )
        for example, row in zip(examples, words, strict=True)
        if len(row)
    )
    relations = sum(
        literal_labels(head, example, row) for example, row in zip(examples, words, strict=True) if len(row)
    )
    loss = head.loss(head(batch, inputs_of), batch)
    torch.testing.assert_close(loss, (entities + relations) / len(examples), rtol=1e-12, atol=0)
    assert_every_parameter_learns(head, loss)


def test_a_relation_in_both_directions_between_two_tokens_is_lost_with_its_cause():
    head = head_of(**LABELED)
    there, back = EXAMPLES[0].relations
    assert head.targets(EXAMPLES[0]).lost == [(back, REVERSED)]
    assert spans(oracle_decode(head, [EXAMPLES[0]])[0]) == [(there.head.span, there.type, there.tail.span)]
    assert head_of().targets(EXAMPLES[0]).lost == []


@pytest.mark.parametrize("tables", ["first", "last", "both"])
def test_whatever_labels_hold_is_read_and_nothing_else(tables):
    draw, lost = random.Random(4), 0
    for _ in range(60):
        places = draw.sample(range(9), 4)
        mentions = [Entity(place, place + 1, "PER") for place in sorted(places)]
        pairs = [draw.sample(mentions, 2) for _ in range(5)]
        relations = list(dict.fromkeys(Relation(one, draw.choice(["in", "at"]), other) for one, other in pairs))
        example = Example(list("abcdefghi"), mentions, relations)
        head = head_of([example], directions="labels", tables=tables)
        missing = {(r.head.span, r.type, r.tail.span) for r, _ in head.targets(example).lost}
        read = set(spans(oracle_decode(head, [example])[0]))
        assert read | missing == set(spans(example))
        assert not read & missing
        lost += len(missing)
    assert lost > 5


def test_a_sum_cannot_tell_directions_by_labels():
    with pytest.raises(ValueError, match="directions=labels does not work with a pair_scorer"):
        head_of(**LABELED, pair_scorer=Lazy(LinearPairScorer))
