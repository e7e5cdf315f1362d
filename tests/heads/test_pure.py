from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from tiny_transformer import TINY
from torch import Tensor

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.head import NOT_EXTRACTED, Head
from relx.heads.pure import Pure, PureEntities, PureRelations
from relx.heads.schemes.mention_pairs import SHARED_PAIR
from relx.heads.spans.classifier import TOO_WIDE
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM, WIDTH = 5, 3
A, B, C, D = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(1, 4, "ORG"), Entity(3, 5, "LOC")
EXAMPLES = [
    Example(list("abcde"), [A, B], [Relation(A, "in", B), Relation(B, "at", A)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcba"), [A, B, C, D], [Relation(C, "at", A), Relation(D, "in", A), Relation(C, "in", B)]),
    Example(list("cd"), [], []),
]


def make(head: type[Head], examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    lazy = Lazy(head, **{"dropout": 0.0, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=DIM), lazy, Lazy(LSTMEncoder, hidden_size=3))
    for parameter in model.double().parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def encoded(model: JointExtractor, tokens: list[str]) -> Tensor:
    """h of each token of one text, markers among them."""
    return model.encode(TensorDataset([Example(tokens)], model.index).batch([0]))[0, : len(tokens)]


def pair_logits(model: JointExtractor, example: Example, subject: Entity, object: Entity) -> Tensor:
    """g = [h(SUBJ_START); h(OBJ_START)] of the marked text, then LayerNorm and a linear layer (section 3.2)."""
    tokens: list[str] = []
    places: dict[str, int] = {}
    for i, token in enumerate(example.tokens):
        opening = [("s", subject), ("o", object)]
        # Where both begin, the longer one is outside; the paper does not say which comes first.
        for name, mention in sorted(opening, key=lambda pair: pair[1].span[0] - pair[1].span[1]):
            if mention.span[0] == i:
                places[name] = len(tokens)
                tokens.append(f"[{name}:{mention.type}:S]")
        tokens.append(token)
        for name, mention in sorted(opening, key=lambda pair: pair[1].span[1] - pair[1].span[0]):
            if mention.span[1] == i + 1:
                tokens.append(f"[{name}:{mention.type}:E]")
    h = encoded(model, tokens)
    g = torch.cat((h[places["s"]], h[places["o"]]))
    norm, _, linear = model.head.pair
    normed = (g - g.mean()) / torch.sqrt(g.var(unbiased=False) + norm.eps) * norm.weight + norm.bias
    return linear.weight @ normed + linear.bias


def literal_pair_loss(model: JointExtractor, example: Example) -> Tensor:
    """The cross entropy of every ordered pair of gold mentions, no relation first."""
    total = torch.zeros((), dtype=torch.float64)
    gold = {(r.head.span, r.tail.span): 1 + model.head.pairs.relations.get(r.type) for r in example.relations}
    for subject in example.entities:
        for object in example.entities:
            if subject != object:
                label = gold.get((subject.span, object.span), 0)
                total = total - pair_logits(model, example, subject, object).log_softmax(0)[label]
    return total


def span_logits(model: JointExtractor, h: Tensor, i: int, j: int) -> Tensor:
    """h_e(s) = [x_start; x_end; w(width)], two hidden layers of ReLU (section 3.1), no entity first."""
    x = torch.cat((h[i], h[j], model.head.spans.width.weight[j - i]))
    first, _, _, second, _, _, last = model.head.spans.scorer
    hidden = torch.relu(second.weight @ torch.relu(first.weight @ x + first.bias) + second.bias)
    return last.weight @ hidden + last.bias


def literal_span_loss(model: JointExtractor, example: Example) -> Tensor:
    h, names = encoded(model, example.tokens), model.head.scheme.label_of
    label = {entity.span: 1 + names(entity, example) for entity in example.entities}
    losses = [
        -span_logits(model, h, i, j).log_softmax(0)[label.get((i, j + 1), 0)]
        for i in range(len(h))
        for j in range(i, min(len(h), i + WIDTH))
    ]
    return torch.stack(losses).sum() if losses else torch.zeros((), dtype=torch.float64)


SIZES = {"max_width": WIDTH, "width_dim": 2, "hidden_size": 4}


def test_the_loss_of_the_entity_model_equals_the_equations() -> None:
    model = make(PureEntities, **SIZES)
    expected = torch.stack([literal_span_loss(model, example) for example in EXAMPLES]).mean()
    assert_same_gradients(model(labeled(model, EXAMPLES)), expected, model, rtol=1e-12, atol=1e-9)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_the_loss_of_the_relation_model_equals_the_equations() -> None:
    model = make(PureRelations)
    expected = torch.stack([literal_pair_loss(model, example) for example in EXAMPLES]).mean()
    assert_same_gradients(model(labeled(model, EXAMPLES)), expected, model, rtol=1e-12, atol=1e-9)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_the_loss_of_both_over_one_encoder_is_their_sum() -> None:
    model = make(Pure, span_dropout=0.0, **SIZES)
    losses = [literal_span_loss(model, example) + literal_pair_loss(model, example) for example in EXAMPLES]
    assert_same_gradients(model(labeled(model, EXAMPLES)), torch.stack(losses).mean(), model, rtol=1e-12, atol=1e-9)


def test_the_relation_model_predicts_the_best_label_of_each_pair_of_given_mentions() -> None:
    model, found = make(PureRelations).eval(), 0
    for example in EXAMPLES:
        (predicted,) = model.extract([example], DataLoader())
        assert predicted.entities == example.entities, "they are its input"
        expected = {}
        for subject in example.entities:
            for object in example.entities:
                p = pair_logits(model, example, subject, object).softmax(0) if subject != object else torch.ones(1)
                if p.argmax():
                    expected[subject, model.head.pairs.relations[int(p.argmax()) - 1], object] = p.max().item()
        assert {(r.head, r.type, r.tail): r.score for r in predicted.relations} == pytest.approx(expected)
        found += len(expected)
    assert found > 3


def test_the_scores_of_a_pair_depend_on_the_types_of_its_mentions_and_on_which_is_the_subject() -> None:
    model = make(PureRelations).eval()
    example = EXAMPLES[0]
    a, b = example.entities
    scores = [
        pair_logits(model, example, *pair)
        for pair in ((a, b), (b, a), (a._replace(type="ORG"), b), (a, b._replace(type="ORG")))
    ]
    assert all(not torch.allclose(scores[0], other) for other in scores[1:])


def test_its_layers_are_those_of_the_public_code() -> None:
    """Two hidden layers over [start; end; width]; LayerNorm and one layer over two markers; four markers a type."""
    shapes = {
        name: tuple(weight.shape)
        for head in (PureEntities, PureRelations)
        for name, weight in make(head, **(SIZES if head is PureEntities else {})).head.named_parameters()
        if name.endswith("weight")
    }
    assert shapes == {
        "spans.width.weight": (WIDTH, 2),
        "spans.scorer.0.weight": (4, 2 * 6 + 2),
        "spans.scorer.3.weight": (4, 4),
        "spans.scorer.6.weight": (1 + 3, 4),
        "pair.0.weight": (2 * 6,),
        "pair.2.weight": (1 + 2, 2 * 6),
    }
    assert len(make(PureRelations).head.markers) == 4 * 3


def test_what_one_label_a_pair_loses() -> None:
    example = Example(list("abcde"), [A, B], [Relation(A, "in", B), Relation(A, "at", B)])
    assert make(PureRelations).head.targets(example).lost == [(example.relations[1], SHARED_PAIR)]
    assert make(PureRelations, labels="several").head.targets(example).lost == []


def test_the_entity_model_loses_wide_mentions_and_all_relations() -> None:
    wide = Entity(0, 4, "PER")
    example = Example(list("abcde"), [wide, B], [Relation(wide, "in", B)])
    head = make(PureEntities, [example], **SIZES).head
    targets = head.targets(example)
    assert targets.lost == [(example.relations[0], NOT_EXTRACTED)]
    assert targets.lost_entities == [(wide, TOO_WIDE)]
    assert oracle_decode(head, [example])[0].entities == [B._replace(score=1.0)]
    assert make(PureRelations, [example]).head.targets(example).lost == [], "a given mention may have any width"


def test_mentions_of_unknown_types_are_lost_or_refused() -> None:
    head = make(PureRelations).head
    strange = A._replace(type="SHIP")
    example = Example(list("abcde"), [strange, B], [Relation(strange, "in", B)])
    assert [relation for relation, _ in head.targets(example).lost] == example.relations
    message = "the type 'SHIP' is unknown; the model reads the types of entities and knows LOC, PER, ORG"
    assert head.fault_of_given(strange) == message
    (predicted,) = make(PureRelations).extract([example], DataLoader())
    assert predicted.relations == []


def over_transformer(markers: str, head: type[Head] = PureRelations, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    embedder = Lazy(TransformerEmbedder, model=TINY)
    lazy = Lazy(head, **{"markers": markers, "dropout": 0.0, **arguments})
    return JointExtractor(Vocabulary(EXAMPLES), embedder, lazy).double().eval()


@pytest.mark.parametrize("markers", ["text", "levitated"])
def test_it_reads_and_learns_with_a_transformer(markers: str) -> None:
    model = over_transformer(markers)
    loss = model(labeled(model, EXAMPLES))
    alone = torch.stack([model(labeled(model, [example])) for example in EXAMPLES]).mean()
    torch.testing.assert_close(loss, alone, rtol=1e-9, atol=0)
    assert_every_parameter_learns(model.head, loss)
    assert len(model.extract(EXAMPLES, DataLoader())) == len(EXAMPLES)


def test_a_sentence_is_encoded_once_for_all_levitated_markers_and_once_for_each_pair_in_text() -> None:
    passes = {}
    for markers in ("text", "levitated"):
        model, rows = over_transformer(markers), []
        hook = lambda module, args, output, rows=rows: rows.append(output.last_hidden_state.shape[0])  # noqa: E731
        model.embedder.transformer.register_forward_hook(hook)
        model.extract([EXAMPLES[3]], DataLoader())
        passes[markers] = sum(rows)
    assert passes == {"text": 4 * 3, "levitated": 1}


def test_both_over_one_encoder_with_levitated_markers() -> None:
    model = over_transformer("levitated", Pure, span_dropout=0.0, **SIZES)
    assert torch.isfinite(model(labeled(model, EXAMPLES)))
    assert len(model.extract(EXAMPLES, DataLoader())) == len(EXAMPLES)


def test_levitated_markers_need_a_transformer_alone() -> None:
    with pytest.raises(ValueError, match="leave the encoder out"):
        make(PureRelations, markers="levitated")
    lazy = Lazy(PureRelations, markers="levitated")
    with pytest.raises(ValueError, match="levitated markers need the embedder 'transformer'"):
        JointExtractor(Vocabulary(EXAMPLES), Lazy(WordEmbedder, dim=DIM), lazy)


def test_a_text_of_more_pieces_than_the_transformer_reads_loses_no_pair() -> None:
    """Markers in different windows have their own vectors, never that of the beginning of the text."""
    words = ["a", "b", "c", "d"] * 40
    near, far = Entity(1, 2, "PER"), Entity(150, 151, "LOC")
    example = Example(words, [near, far], [Relation(near, "in", far)])
    for markers in ("text", "levitated"):
        model = over_transformer(markers)
        assert model.head.targets(example).lost == []
        logits = model.scores(labeled(model, [example]))["pairs"]
        moved = Example(words, [near, Entity(149, 150, "LOC")])
        others = model.scores(labeled(model, [moved]))["pairs"]
        assert not torch.allclose(logits, others), "the place of the far mention counts"
