import random
from typing import Any

import graphrel_equations as equations
import pytest
import torch
from batches import inputs_of, labeled_batch
from padding import assert_every_parameter_learns
from sentences import clashing_sentence, sentence, spans

from relx.data.batch import Batch
from relx.data.example import Entity, Example
from relx.data.vocabulary import Vocabulary
from relx.heads.graphrel import LABELED, GraphRel, RelationGraphs
from relx.heads.head import NOT_LOCATED, UNKNOWN, UNTAGGED
from relx.training.checks.oracle import oracle_decode

DIM = 6
EXAMPLES = [
    sentence(4, ((0, 1), "lives_in", (2, 4)), ((2, 4), "likes", (0, 1))),
    sentence(1, ((0, 1), "likes", (0, 1))),
    sentence(5, ((3, 5), "lives_in", (0, 1)), ((0, 1), "capital", (2, 3))),
    Example([]),
    sentence(3),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "phase 1": {"phases": 1},
    "phase 2": {},
    "weights": {"relation_weight": 4.0, "second_weight": 0.5},
}


def make(dim: int = DIM, **arguments: Any) -> GraphRel:
    """A head with weights of some size."""
    torch.manual_seed(1)
    head = GraphRel(dim, Vocabulary(EXAMPLES), **arguments).double()
    for phase in filter(None, (head.first, head.second)):
        phase.W_3_head.bias.data[0] = 0  # no relation is unlikely from the start
    for parameter in head.parameters():
        parameter.data += torch.randn_like(parameter) / 2
    return head


def gold_of(batch: Batch, row: int) -> tuple[list[int], dict[tuple[int, int], int]]:
    tags = batch["entity_tags"][row][batch.mask[row]].tolist()
    return tags, {(i, j): label for label, i, j in batch["relation_cells"][row].tolist() if label}


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_equals_the_equations_outputs_and_gradients(variant: str) -> None:
    head = make(**VARIANTS[variant])
    batch = labeled_batch(head, EXAMPLES, DIM)
    encoded = inputs_of(batch).requires_grad_()
    scores, losses = head(batch, lambda _: encoded), []
    for row, example in enumerate(EXAMPLES):
        size = len(example)
        phases = equations.graphrel(list(encoded[row, :size]), head)
        names = ["first_", ""] if len(phases) == 2 else [""]
        for name, (tags, labels) in zip(names, phases, strict=True):
            for i in range(size):
                ours = scores[f"{name}entity"][row, i].softmax(dim=-1)
                torch.testing.assert_close(ours, tags[i], rtol=0, atol=1e-12)
                of_pairs = scores[f"{name}relation"][row, i, :size].softmax(dim=-1)
                torch.testing.assert_close(of_pairs, torch.stack(labels[i]), rtol=0, atol=1e-12)
        of_phases = [equations.loss(outputs, *gold_of(batch, row), head.relation_weight) for outputs in phases]
        losses.append(of_phases[0] if len(phases) == 1 else of_phases[0] + head.second_weight * of_phases[1])
    loss, expected = head.loss(scores, batch), torch.stack(losses).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    wanted = [encoded, *head.parameters()]
    # What all labels have in common is no part of a softmax: such a bias has no gradient in either.
    for ours, theirs in zip(*(torch.autograd.grad(out, wanted) for out in (loss, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_gradient_reaches_every_parameter(variant: str) -> None:
    head = make(**VARIANTS[variant])
    batch = labeled_batch(head, EXAMPLES, DIM)
    assert_every_parameter_learns(head, head.loss(head(batch, inputs_of), batch))


def test_padding_and_neighbors_do_not_matter() -> None:
    head = make()
    head.second.W_3_head.bias.data[1:] += 2
    together = labeled_batch(head, EXAMPLES, DIM)
    scores = head(together, inputs_of)
    predicted, losses = head.decode(scores, together), []
    for row, example in enumerate(EXAMPLES):
        alone = labeled_batch(head, [example], DIM)
        of_alone, size = head(alone, inputs_of), len(example)
        for name in ("relation", "first_relation"):
            there = scores[name][row, :size, :size]
            torch.testing.assert_close(of_alone[name][0, :size, :size], there, rtol=0, atol=1e-11)
        losses.append(head.loss(of_alone, alone))
        assert spans(head.decode(of_alone, alone)[0]) == spans(predicted[row])
    torch.testing.assert_close(torch.stack(losses).mean(), head.loss(scores, together), rtol=1e-12, atol=0)
    assert any(example.relations for example in predicted)


def test_what_the_first_phase_predicts_changes_the_words_of_the_second() -> None:
    head = make()
    batch = labeled_batch(head, EXAMPLES[:1], DIM)
    before = head(batch, inputs_of)["relation"]
    head.first.W_3_head.bias.data[0] += 100  # no relation anywhere
    after = head(batch, inputs_of)["relation"]
    assert not torch.allclose(before, after)
    words = inputs_of(batch)
    torch.testing.assert_close(after, head.second(words, batch.mask)[1], rtol=0, atol=1e-12)


def test_negligible_messages_are_left_out_and_outputs_and_gradients_equal_the_equations_to_rounding() -> None:
    torch.manual_seed(2)
    graphs, words = RelationGraphs(DIM, 20).double(), torch.randn(4, DIM, dtype=torch.float64, requires_grad=True)
    rarity = torch.tensor([0.0, 2, 5, 12] + 17 * [25.0])  # of the label "no relation" and of 20 relations
    logits = (torch.randn(4, 4, 21, dtype=torch.float64) - rarity).requires_grad_()
    chances = logits.softmax(dim=-1)
    given = (words.unsqueeze(0), chances[..., 1:].unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
    outputs = (
        graphs(*given)[0],
        graphs.reference(*given)[0],
        torch.stack(equations.relation_graphs(list(words), [list(row) for row in chances], graphs)),
    )
    wanted, direction = [words, logits, *graphs.parameters()], torch.randn_like(words)
    first, *others = (torch.autograd.grad((out * direction).sum(), wanted, retain_graph=True) for out in outputs)
    for output, gradients in zip(outputs[1:], others, strict=True):
        torch.testing.assert_close(outputs[0], output, rtol=0, atol=1e-6)
        for ours, theirs in zip(first, gradients, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    with torch.no_grad():
        for layer in (graphs.along, graphs.against):
            layer.weight.view(20, -1)[3:] = torch.nan
        again = graphs(words.unsqueeze(0), chances[..., 1:].unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))[0]
    torch.testing.assert_close(again, outputs[0].detach(), rtol=0, atol=0)


def test_a_corpus_without_relations_has_no_graphs() -> None:
    graphs, words = RelationGraphs(DIM, 0), torch.randn(2, 3, DIM)
    torch.testing.assert_close(graphs(words, torch.zeros(2, 3, 3, 0), torch.ones(2, 3, dtype=torch.bool)), words)


def test_it_starts_with_pairs_unrelated_so_that_the_first_loss_is_small() -> None:
    """WebNLG* has 171 labels; about three of the 600 pairs of a sentence have a relation."""
    names = [f"r{number}" for number in range(170)]
    example = sentence(24, *[((2 * i, 2 * i + 1), names[i], (2 * i + 1, 2 * i + 2)) for i in range(3)])
    vocabulary = Vocabulary([example, sentence(2, *[((0, 1), name, (1, 2)) for name in names])])
    torch.manual_seed(0)
    head = GraphRel(DIM, vocabulary).double()
    batch = labeled_batch(head, [example], DIM)
    assert head.loss(head(batch, inputs_of), batch) < 500  # with labels equally likely: 4 * 576 * log(171) = 11,846


@pytest.mark.parametrize(("threshold", "pairs", "held"), [(0.0, 1, True), (0.5, 2, False), (0.5, 3, True)])
def test_two_entities_have_a_relation_if_more_than_a_share_of_their_pairs_bear_it(
    threshold: float, pairs: int, held: bool
) -> None:
    blocks = make(threshold=threshold).pair_table
    entities = [Entity(0, 2), Entity(3, 5)]
    cells = [(i, j, 1, 0.25 * (1 + i)) for i in (0, 1) for j in (3, 4)][:pairs]
    relations = blocks.read([*cells, (2, 3, 1, 0.9), (3, 2, 1, 0.9)], entities)
    expected = [((0, 2), blocks.relations[0], (3, 5), sum(cell[3] for cell in cells) / pairs)] if held else []
    assert [(r.head.span, r.type, r.tail.span, r.score) for r in relations] == expected


def test_gold_that_the_scheme_holds_comes_back() -> None:
    head = make()
    for example, decoded in zip(EXAMPLES, oracle_decode(head, EXAMPLES), strict=True):
        assert sorted(spans(decoded)) == sorted(spans(example))
        assert head.targets(example).lost == []


def test_what_does_not_come_back_has_a_cause() -> None:
    draw = random.Random(3)
    types = ["likes", "lives_in", "capital", "unseen"]
    examples = [clashing_sentence(draw, types) for _ in range(300)]
    head, causes = make(), set()
    for example, decoded in zip(examples, oracle_decode(head, examples), strict=True):
        lost = head.targets(example).lost
        held = [relation for relation in example.relations if relation not in [relation for relation, _ in lost]]
        assert set(spans(Example([], [], held))) <= set(spans(decoded))
        causes.update(cause for _, cause in lost)
    assert causes == {NOT_LOCATED, UNKNOWN, UNTAGGED, LABELED}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"second_weight": 0.0}, "must be above 0"),
        ({"relation_weight": -1.0}, "must be above 0"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"dim": 5}, "the encoder gives 5 features"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)


# What follows is read off the authors' code (tsujuifu/pytorch_graph-rel, model.py and main.py), not off the equations.


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    return (before - after).abs() > 1e-9


def test_a_pair_has_the_one_label_that_is_best_no_relation_included() -> None:
    """``T.argmax(out, dim=-1)``, where 0 is no relation: how high a score is by itself does not matter."""
    head = make()
    batch = labeled_batch(head, [sentence(4, ((0, 1), "likes", (2, 3)))], DIM)
    output = {"entity": head(batch, inputs_of)["entity"] * 0, "relation": torch.zeros(1, 4, 4, 4).double()}
    single = head.entity_tags.write(batch.examples[0])
    output["entity"][0, range(4), single.tolist()] = 9
    output["relation"][..., 0] = 1
    likes, capital = (1 + head.pair_table.relations.items.index(name) for name in ("likes", "capital"))
    for scores, found in (((9, 8, 7), []), ((6, 8, 7), ["likes"]), ((6, 7, 8), ["capital"]), ((-5, -4, -6), ["likes"])):
        output["relation"][0, 0, 2, [0, likes, capital]] = torch.tensor(scores).double()
        output["relation"][0, 0, 2, 6 - likes - capital] = -9
        assert [relation.type for relation in head.decode(output, batch)[0].relations] == found


def test_in_phase_1_a_pair_is_scored_from_its_two_words_and_in_phase_2_from_all() -> None:
    """``fc_rel(cat([fc_rf(feat_i), fc_rb(feat_j)]))``: ordered, and no third word."""
    head = make()
    batch = labeled_batch(head, [sentence(5)], DIM)
    words = inputs_of(batch)
    other = words.clone()
    other[0, 2] += 1
    before, after = head(batch, lambda _: words), head(batch, lambda _: other)
    with_word_2 = torch.zeros(5, 5, dtype=torch.bool)
    with_word_2[2, :] = with_word_2[:, 2] = True
    of_first = changed(before["first_relation"], after["first_relation"])[0].any(dim=-1)
    assert torch.equal(of_first, with_word_2)
    assert changed(before["relation"], after["relation"])[0].any(dim=-1).all()
    pairs = before["first_relation"][0]
    assert changed(pairs, pairs.transpose(0, 1)).any(dim=-1)[~torch.eye(5, dtype=torch.bool)].all()


def test_the_tags_of_a_phase_are_read_from_left_to_right() -> None:
    """``rnn_ne`` is no bidirectional network."""
    head = make(phases=1)
    batch = labeled_batch(head, [sentence(5)], DIM)
    other = inputs_of(batch).clone()
    other[0, 2] += 1
    tags, others = head(batch, inputs_of)["entity"], head(batch, lambda _: other)["entity"]
    assert changed(tags, others)[0].any(dim=-1).tolist() == [False, False, True, True, True]


def test_a_pair_of_one_relation_changes_one_half_of_each_of_its_words() -> None:
    """``feat2p += cat([relu(P_r @ (feat W + b)), relu(P_r^T @ ...)])``: along the edges and against them, upwards."""
    torch.manual_seed(3)
    graphs, words = RelationGraphs(DIM, 3).double(), torch.randn(1, 4, DIM, dtype=torch.float64)
    for layer in (graphs.along, graphs.against):
        layer.bias.data += 9  # all messages pass the relu
    mask, half = torch.ones(1, 4, dtype=torch.bool), DIM // 2
    for relation in range(3):
        P = torch.zeros(1, 4, 4, 3, dtype=torch.float64)
        P[0, 0, 1, relation] = 0.5
        added = (graphs(words, P, mask) - words)[0]
        expected = torch.zeros(4, DIM, dtype=torch.bool)
        expected[0, :half] = expected[1, half:] = True
        assert torch.equal(added > 1e-9, expected) and (added >= -1e-12).all()
        torch.testing.assert_close((graphs(words, P / 5, mask) - words)[0], added / 5)
    for parameter in graphs.parameters():
        parameter.data.neg_()  # no message passes the relu
    torch.testing.assert_close(graphs(words, P, mask), words, rtol=0, atol=1e-9)


def test_each_relation_has_a_graph_with_weights_of_its_own() -> None:
    """``gcn2p_fw`` and ``gcn2p_bw`` hold one GCN for each relation."""
    torch.manual_seed(3)
    graphs, words = RelationGraphs(DIM, 3).double(), torch.randn(1, 4, DIM, dtype=torch.float64)
    mask, chances = torch.ones(1, 4, dtype=torch.bool), torch.eye(3, dtype=torch.float64)
    added = [graphs(words, chances[r].expand(1, 4, 4, 3), mask) for r in range(3)]
    for layer in (graphs.along, graphs.against):
        layer.weight.data.view(3, -1)[1] += 1
        layer.bias.data.view(3, -1)[1] += 9
    again = [graphs(words, chances[r].expand(1, 4, 4, 3), mask) for r in range(3)]
    assert [bool(changed(*pair).any()) for pair in zip(added, again, strict=True)] == [False, True, False]
    assert changed(added[0], added[2]).any()


def test_alpha_multiplies_the_second_phase_and_the_pairs_weight_only_related_pairs() -> None:
    """``weight_alpha`` and ``weight.masked_fill_(ans > 0, weight_loss)``; alpha is of the phase, as in the paper."""
    light, heavy, related = (
        make(second_weight=1.0),
        make(second_weight=5.0),
        make(second_weight=1.0, relation_weight=2.0),
    )
    batch = labeled_batch(light, EXAMPLES, DIM)
    output = light(batch, inputs_of)
    second = {name: output[name] for name in ("entity", "relation")}
    torch.testing.assert_close(heavy.loss(output, batch) - light.loss(output, batch), 4 * light.loss(second, batch))
    assert related.loss(second, batch) > light.loss(second, batch)
    unrelated = labeled_batch(light, [sentence(3), sentence(5)], DIM)
    output = light(unrelated, inputs_of)
    torch.testing.assert_close(related.loss(output, unrelated), light.loss(output, unrelated))
