import random
from typing import Any

import cascade_equations
import pytest
import torch
from batches import labeled
from cascade_equations import Reader
from padding import assert_every_parameter_learns, assert_same_gradients
from torch import Tensor

from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq import Seq2SeqEncoder
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.cascade.head import Cascade
from relx.heads.head import NOT_EXTRACTED
from relx.heads.pair_scorers.scorers import LinearPairScorer, PFNPairScorer
from relx.heads.schemes.marked_text import MarkedReader
from relx.heads.spans.tagger import SpanTask
from relx.model import JointExtractor
from relx.registry import Injected, Lazy

WORDS = ["a", "b", "c", "d", "e", "f"]


class TaskEncoder(Seq2SeqEncoder):
    """An encoder of 8 features, of which each task reads some."""

    def __init__(self, input_dim: Injected[int]) -> None:
        super().__init__()
        self.output_dim = 8
        self.lstm = LSTMEncoder(input_dim, 4)

    @property
    def task_features(self) -> TaskFeatures:
        return TaskFeatures(8, {"entity": [(0, 4), (6, 8)], "subject": [(2, 6)], "object": [(4, 8), (0, 1)]})

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self.lstm(inputs, mask)


def typed(words: str, entities: list[tuple[int, int, str]], *triples: tuple[int, str, int]) -> Example:
    """A sentence; entities are (start, end, type), triples name them by number."""
    mentions = [Entity(*entity) for entity in entities]
    return Example(words.split(), mentions, [Relation(mentions[h], name, mentions[t]) for h, name, t in triples])


EXAMPLES = [
    typed("a b c d e", [(0, 2, "PER"), (3, 4, "LOC")], (0, "in", 1), (0, "near", 1)),
    typed("f", [(0, 1, "PER")]),
    typed("c d", []),
    typed("b a f d c e a", [(0, 3, "PER"), (1, 2, "LOC"), (2, 5, "LOC"), (0, 1, "PER")], (1, "in", 0), (3, "by", 2)),
    typed("e f a", [(0, 1, "LOC"), (2, 3, "PER")], (1, "in", 0), (0, "near", 1)),
    Example([]),
]
MATCH = {"pair_scorer": Lazy(LinearPairScorer, bias=0.0)}
LATE = {"fusion": "late", "tag_dim": 3}
PRINTED = {**LATE, "task_context": "none"}
VARIANTS: dict[str, dict[str, Any]] = {
    "late": {**PRINTED},
    "late, told of subjects only": {**PRINTED, "markers": "subject"},
    "late, gold subjects": {**PRINTED, "subjects": "gold"},
    "late, nearest": {**PRINTED, "decoding": "nearest", "pair_scorer": None},
    "late, with the subject's vector": {**PRINTED, "subject_vectors": True},
    "late, with a global feature": {**LATE, "task_context": "global_feature", "context_size": 6},
    "late, with a BiLSTM": {**LATE, "task_context": "lstm", "context_size": 2},
    "late, mlp": {**PRINTED, "pair_scorer": Lazy(PFNPairScorer, hidden_size=5, bias=0.0), "allow_self": True},
    "early": {"fusion": "early"},
    "early, told of subjects only": {"fusion": "early", "markers": "subject"},
    "early, gold subjects": {"fusion": "early", "subjects": "gold"},
    "early, nearest, a few words at a time": {"decoding": "nearest", "pair_scorer": None, "max_tokens": 12},
    "entities only": {"joint": False},
    "weighed": {
        **PRINTED,
        "entity_spans": SpanTask(0.5, 0.2, 2.0),
        "subject_spans": SpanTask(gamma=0.1),
        "object_spans": SpanTask(alpha=3.0),
    },
}


def make(**arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    head = Lazy(Cascade, **{**MATCH, **arguments})
    model = JointExtractor(Vocabulary(EXAMPLES), Lazy(WordEmbedder, dim=6), head, Lazy(TaskEncoder)).double()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def eager(**arguments: Any) -> JointExtractor:
    """A model that finds a lot."""
    names = ["entity_spans", *(("subject_spans", "object_spans") if arguments.get("joint", True) else ())]
    tasks = {name: SpanTask(threshold=0.2) for name in names}
    return make(**{**arguments, **tasks}).eval()


def literal_loss(model: JointExtractor, example: Example, arguments: dict[str, Any]) -> Tensor:
    head = model.head
    reader = Reader(model, example.tokens, arguments.get("markers") != "subject")
    spans = [(e.span[0], e.span[1] - 1) for e in example.entities]
    entities = {span: head.types.names.get(e.type) for span, e in zip(spans, example.entities, strict=True)}
    triples = {
        ((r.head.start, r.head.end - 1), head.decoder.relations.get(r.type), (r.tail.start, r.tail.end - 1))
        for r in example.relations
    }
    gold = arguments.get("subjects") == "gold"
    tried = [span for span in entities if not gold or span in {subject for subject, _, _ in triples}]
    return cascade_equations.loss(reader, entities, triples, tried)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_equals_the_equations_outputs_and_gradients(name: str) -> None:
    model = make(**VARIANTS[name])
    loss = model(labeled(model, EXAMPLES))
    expected = torch.stack([literal_loss(model, example, VARIANTS[name]) for example in EXAMPLES]).mean()
    assert_same_gradients(loss, expected, model, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_extracted_equals_the_equations(name: str) -> None:
    model = eager(**VARIANTS[name])
    draw, counts = random.Random(1), torch.zeros(2)
    examples = [Example(draw.choices(WORDS, k=draw.randint(0, 5))) for _ in range(6)]
    for example, predicted in zip(examples, model.extract(examples, DataLoader(8)), strict=True):
        reader = Reader(model, example.tokens, VARIANTS[name].get("markers") != "subject")
        entities, triples = cascade_equations.extract(reader) if example.tokens else ({}, {})
        names, relations = model.head.types.names, model.head.decoder.relations
        expected = {(start, last + 1, names[label]): score for (start, last), (label, score) in entities.items()}
        assert {(*e.span, e.type): e.score for e in predicted.entities} == pytest.approx(expected)
        assert {
            ((r.head.start, r.head.end - 1), relations.get(r.type), (r.tail.start, r.tail.end - 1)): r.score
            for r in predicted.relations
        } == pytest.approx(triples)
        counts += torch.tensor([len(entities), len(triples)])
    assert counts[0] > 7
    assert counts[1] > 2 or name == "entities only"


@pytest.mark.parametrize("name", VARIANTS)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    model = make(**VARIANTS[name])
    model.embedder.table.data[:2] = 0
    assert_every_parameter_learns(model, model(labeled(model, EXAMPLES)))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_loss_of_a_batch_is_the_mean_of_its_sentences(name: str) -> None:
    model = make(**VARIANTS[name])
    alone = [model(labeled(model, [example])) for example in EXAMPLES]
    torch.testing.assert_close(model(labeled(model, EXAMPLES)), torch.stack(alone).mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_prediction_does_not_depend_on_its_batch(name: str) -> None:
    model = eager(**VARIANTS[name])
    expected = [said(model.extract([example], DataLoader()))[0] for example in EXAMPLES]
    assert said(model.extract(EXAMPLES, DataLoader(64))) == expected
    assert said(model.extract(EXAMPLES[::-1], DataLoader(2))) == expected[::-1]
    assert expected[-1] == []


def said(predicted: list[Example]) -> list[list[Any]]:
    """Predictions as numbers to be compared, scores but for rounding."""
    return [
        [(r.head.span, r.type, r.tail.span, round(r.score or 0, 8)) for r in example.relations]
        + [(*entity.span, entity.type, round(entity.score or 0, 8)) for entity in example.entities]
        for example in predicted
    ]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_batch_without_entities_is_learned_and_predicted(name: str) -> None:
    model = make(**VARIANTS[name])
    nothing = [Example(["a", "b"]), Example([]), Example(["c"])]
    loss = model(labeled(model, nothing))
    loss.backward()
    assert torch.isfinite(loss)
    timid = SpanTask(threshold=1 - 1e-9)
    silent = make(**{**VARIANTS[name], "entity_spans": timid})
    assert said(silent.extract([*EXAMPLES, *nothing], DataLoader())) == [[]] * 9


def with_weights_of(model: JointExtractor, **arguments: Any) -> JointExtractor:
    """Another model with the same weights, as far as it has the same parts."""
    other = make(**arguments)
    ours, words = dict(other.named_parameters()), model.embedder.table.data
    for name, weight in model.named_parameters():
        if name in ours and ours[name].shape == weight.shape:
            ours[name].data = weight.data
    other.embedder.table.data[: len(words)] = words
    return other


def test_late_and_early_fusion_find_the_same_entities_with_the_same_weights() -> None:
    late = make(**PRINTED, entity_spans=SpanTask(threshold=0.3))
    early = with_weights_of(late, fusion="early", entity_spans=SpanTask(threshold=0.3))
    found = [[e for e in line if isinstance(e[0], int)] for line in said(late.extract(EXAMPLES, DataLoader()))]
    assert sum(map(len, found)) > 5
    assert found == [[e for e in line if isinstance(e[0], int)] for line in said(early.extract(EXAMPLES, DataLoader()))]


def test_without_entities_late_and_early_fusion_learn_the_same() -> None:
    late = make(**PRINTED)
    early = with_weights_of(late, fusion="early")
    plain = [Example(example.tokens) for example in EXAMPLES]
    torch.testing.assert_close(*(model(labeled(model, plain)) for model in (late, early)), rtol=0, atol=0)


class CountingPasses:
    """Counts what an encoder is given."""

    def __init__(self, model: JointExtractor) -> None:
        self.sizes: list[tuple[int, int]] = []
        model.encoder.register_forward_hook(lambda _, inputs, __: self.sizes.append(tuple(inputs[0].shape[:2])))


def test_all_marked_sentences_of_a_batch_are_read_in_one_pass_as_far_as_the_budget_allows() -> None:
    model = eager(fusion="early")
    passes = CountingPasses(model)
    batch = labeled(model, EXAMPLES)
    whole = model(batch)
    with_entities, entities = 4, 9
    assert [size for size, _ in passes.sizes] == [len(EXAMPLES), with_entities + entities]
    passes.sizes.clear()
    model.head.fusion.reader = MarkedReader(20)
    torch.testing.assert_close(model(batch), whole, rtol=1e-12, atol=0)
    assert len(passes.sizes) > 3
    assert all(sentences * length <= 20 or sentences == 1 for sentences, length in passes.sizes[1:])


def test_prediction_reads_once_for_each_step_and_nothing_where_no_triple_can_be() -> None:
    model = eager(fusion="early", max_tokens=10_000)
    passes = CountingPasses(model)
    predicted = model.extract(EXAMPLES, DataLoader())
    several = sum(len(example.entities) > 1 for example in predicted)
    assert 0 < several < len(EXAMPLES)
    assert [size for size, _ in passes.sizes][:2] == [len(EXAMPLES), several]
    assert len(passes.sizes) == 3


def object_logits_outside(model: JointExtractor, example: Example) -> list[Tensor]:
    """For each entity as the subject, the logits of starts of objects at the tokens outside of all entities."""
    features = model.scores(labeled(model, [example]))["object"]
    inside = {token for entity in example.entities for token in range(*entity.span)}
    outside = [token for token in range(len(example)) if token not in inside]
    return list(model.head.object.start(features)[:, outside])


@pytest.mark.parametrize(
    ("arguments", "differ"),
    [
        (PRINTED, False),
        ({**PRINTED, "subject_vectors": True}, True),
        ({**LATE, "task_context": "global_feature"}, True),
        ({**LATE, "task_context": "lstm"}, True),
        ({"fusion": "early"}, True),
    ],
)
def test_objects_outside_of_the_subject_depend_on_it_except_in_late_fusion_as_printed(
    arguments: dict[str, Any], differ: bool
) -> None:
    example = typed("a b c d e f a c b", [(0, 1, "PER"), (3, 4, "LOC"), (5, 7, "PER")])
    model = make(**arguments)
    first, *others = object_logits_outside(model, example)
    for logits in others:
        assert torch.allclose(logits, first, rtol=0, atol=1e-12) != differ
    assert model.head.fusion.shares_objects != differ


def test_a_task_context_adds_its_weights_to_the_subject_and_the_object_task_only() -> None:
    printed = dict(make(**PRINTED).named_parameters())
    for context in ("global_feature", "lstm"):
        other = dict(make(**LATE, task_context=context, context_size=2).named_parameters())
        added = {name.split(".")[3] for name in other.keys() - printed.keys()}
        assert added == {"subject", "object"}
        assert not printed.keys() - other.keys()
        wider = {name for name in printed if printed[name].shape != other[name].shape}
        assert wider and all(name.startswith(("head.subject.", "head.object.")) for name in wider)


def test_late_fusion_reads_once() -> None:
    model = eager(**LATE)
    passes = CountingPasses(model)
    assert any(example.relations for example in model.extract(EXAMPLES, DataLoader()))
    model(labeled(model, EXAMPLES))
    assert [size for size, _ in passes.sizes] == [len(EXAMPLES), len(EXAMPLES)]


def test_an_ablation_leaves_no_weights_without_use() -> None:
    assert make(markers="subject").head.markers == ["[S:S]", "[S:E]"]
    assert len(make().head.markers) == 2 + 2 * 2
    assert make(fusion="late").head.markers == ()


def test_entities_alone_know_of_no_relations() -> None:
    model = make(joint=False, fusion="early")
    assert {cause for _, cause in model.head.targets(EXAMPLES[0]).lost} == {NOT_EXTRACTED}
    assert not any(name.startswith(("subject", "object", "fusion")) for name, _ in model.head.named_parameters())
    assert model.head.markers == ()


def test_types_that_the_data_does_not_know_are_not_predicted() -> None:
    untyped = [Example(example.tokens, [e._replace(type=None) for e in example.entities]) for example in EXAMPLES]
    torch.manual_seed(1)
    model = JointExtractor(Vocabulary(untyped), Lazy(WordEmbedder, dim=6), Lazy(Cascade, fusion="early"))
    predicted = model.head.oracle(labeled(model, untyped))
    assert [[e.span for e in example.entities] for example in predicted] == [
        sorted(e.span for e in example.entities) for example in untyped
    ]
    assert {entity.type for example in predicted for entity in example.entities} == {None}


@pytest.mark.parametrize("fusion", ["late", "early"])
def test_it_learns(fusion: str) -> None:
    torch.manual_seed(3)
    head = Lazy(Cascade, fusion=fusion, pair_scorer=Lazy(PFNPairScorer, hidden_size=20))
    encoder = Lazy(LSTMEncoder, hidden_size=20)
    model = JointExtractor(Vocabulary(EXAMPLES), Lazy(WordEmbedder, dim=20), head, encoder)
    flat = [*EXAMPLES[:3], *EXAMPLES[4:]]
    batch = labeled(model, flat)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()
    for gold, predicted in zip(flat, model.extract(flat, DataLoader()), strict=True):
        assert triples(predicted) == triples(gold)
        assert {entity[:3] for entity in predicted.entities} == {entity[:3] for entity in gold.entities}
        assert all(0.1 < relation.score <= 1 for relation in predicted.relations)


def triples(example: Example) -> set[tuple[Any, ...]]:
    return {(r.head[:3], r.type, r.tail[:3]) for r in example.relations}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fusion": "late", "tag_dim": 0}, "tag_dim is 0"),
        ({"fusion": "late", "context_size": 0}, "context_size is 0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"tag_dim": 20, "subject_vectors": True}, "^fusion=early takes no tag_dim, subject_vectors$"),
        ({"task_context": "none"}, "^fusion=early takes no task_context$"),
        ({"fusion": "late", "max_tokens": 9}, "^fusion=late takes no max_tokens$"),
        ({**PRINTED, "context_size": 9}, "^task_context=none takes no context_size$"),
        (
            {"joint": False, "subjects": "gold", "object_spans": SpanTask(2)},
            "^joint=false takes no subjects, object_spans$",
        ),
        (
            {"decoding": "nearest", "tag_dim": 9, **MATCH},
            "^fusion=early takes no tag_dim; decoding=nearest takes no pair_scorer$",
        ),
        (
            {"decoding": "nearest", "subject_spans": SpanTask(gamma=0.1), "object_spans": SpanTask(gamma=2)},
            "^decoding=nearest takes no subject_spans.gamma, object_spans.gamma$",
        ),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cascade(TaskFeatures(4), Vocabulary(EXAMPLES), **arguments)


def test_an_encoder_with_other_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="no features for the task 'subject'"):
        Cascade(TaskFeatures(4, {"entity": [(0, 4)]}), Vocabulary(EXAMPLES))


@pytest.mark.parametrize("name", ["late, mlp", "early", "late, nearest", "late, with a BiLSTM"])
def test_half_precision_is_enough(name: str) -> None:
    torch.manual_seed(1)
    head = Lazy(Cascade, **{**MATCH, **VARIANTS[name]})
    model = JointExtractor(Vocabulary(EXAMPLES), Lazy(WordEmbedder, dim=8), head)
    batch = labeled(model, EXAMPLES)
    whole = model(batch)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(batch)
        assert len(model.extract(EXAMPLES, DataLoader())) == len(EXAMPLES)
    torch.testing.assert_close(loss.float(), whole, rtol=0.02, atol=0)
    loss.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)
