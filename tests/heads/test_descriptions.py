from pathlib import Path
from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from torch import Tensor

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.errors import ConfigError
from relx.heads.descriptions import Descriptions
from relx.heads.schemes.descriptions import label_words
from relx.heads.schemes.mention_pairs import SHARED_PAIR
from relx.heads.spans.classifier import TOO_WIDE
from relx.model import JointExtractor
from relx.registry import Lazy

DIM, WIDTH = 5, 3
A, B, C, D = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(1, 4, "ORG"), Entity(3, 5, "LOC")
EXAMPLES = [
    Example(list("abcde"), [A, B], [Relation(A, "in", B), Relation(B, "at", A)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcba"), [A, B, C, D], [Relation(C, "at", A), Relation(D, "in", A), Relation(C, "born_in", B)]),
    Example(list("cd"), [], []),
]
WORDS = {"in": "inside", "at": "is at", "born_in": "the place of birth"}


def make(examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    settings = {"max_width": WIDTH, "width_dim": 2, "dropout": 0.0, "negatives": None, "pair_negatives": None}
    head = Lazy(Descriptions, **{"relations": WORDS, **settings, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=DIM), head, Lazy(LSTMEncoder, hidden_size=3))
    for name, parameter in model.double().named_parameters():
        if name != "head.scale":
            parameter.data = torch.randn_like(parameter) * 0.7
    return model


def encoded(model: JointExtractor, words: list[str]) -> Tensor:
    return model.encode(TensorDataset([Example(words)], model.index).batch([0]))[0, : len(words)]


def pair_logits(model: JointExtractor, example: Example, s1: Entity, s2: Entity, words: dict[str, str]) -> Tensor:
    """No relation v g + b first, then exp(s) cos(W g, d_r) of each relation, d_r the mean of its description."""
    head, h = model.head, encoded(model, example.tokens)

    def e_of(start: int, end: int) -> Tensor:
        return torch.cat((h[start:end].amax(0), head.spans.width.weight[min(end - start, WIDTH) - 1]))

    between = h[min(s1.end, s2.end) : max(s1.start, s2.start)]
    c = between.amax(0) if len(between) else torch.zeros_like(h[0])
    g = torch.cat((e_of(*s1.span), c, e_of(*s2.span)))
    linear = head.pair[-1]
    u = linear.weight @ g + linear.bias
    logits = [head.none.weight[0] @ g + head.none.bias[0]]
    for text in words.values():
        d = encoded(model, text.split()).mean(0)
        logits.append(head.scale.exp() * (u @ d) / (u.norm() * d.norm()))
    return torch.stack(logits)


def relation_words(model: JointExtractor) -> dict[str, str]:
    return {name: WORDS[name] for name in model.head.pairs.relations}


def pairs_of(example: Example) -> list[tuple[Entity, Entity]]:
    return [(s1, s2) for s1 in example.entities for s2 in example.entities if s1 != s2]


@pytest.mark.parametrize("labels", ["one", "several"])
def test_the_loss_of_the_pairs_equals_the_equations_outputs_and_gradients(labels: str) -> None:
    model = make(labels=labels)
    words = relation_words(model)
    expected = torch.zeros((), dtype=torch.float64)
    for example in EXAMPLES:
        gold, losses = {(r.head, r.tail): r.type for r in example.relations}, []
        for s1, s2 in pairs_of(example):
            none, *others = pair_logits(model, example, s1, s2, words)
            name = gold.get((s1, s2))
            if labels == "one":
                label = 0 if name is None else 1 + list(words).index(name)
                losses.append(-torch.stack([none, *others]).log_softmax(0)[label])
            else:  # each relation against no relation
                p = torch.sigmoid(torch.stack(others) - none)
                wanted = torch.tensor([name == word for word in words])
                losses.append(-torch.where(wanted, p, 1 - p).log().mean())
        expected = expected + (torch.stack(losses).mean() if losses else 0) / len(EXAMPLES)
    batch = labeled(model, EXAMPLES)
    output = model.scores(batch)
    model.head.spans.loss = lambda *_: torch.zeros(())  # that of the spans is SpERT's
    ours = model.head.loss(output, batch)
    learned = torch.nn.ModuleList(
        [model.embedder, model.encoder, model.head.pair, model.head.none, model.head.spans.width]
    )
    assert_same_gradients(ours, expected, learned, rtol=1e-12, atol=1e-9)


def test_a_gradient_reaches_every_weight() -> None:
    model = make()
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def test_relations_are_predicted_by_their_descriptions_also_those_that_are_added() -> None:
    model, added = make().eval(), {"near": "not far from"}
    words, found = {**relation_words(model), **added}, set()
    given = [Example(example.tokens, example.entities) for example in EXAMPLES]
    for example, predicted in zip(given, model.relate(given, DataLoader(), added=added), strict=True):
        expected = {}
        for s1, s2 in pairs_of(example):
            p = pair_logits(model, example, s1, s2, words).softmax(0)
            if p.argmax():
                expected[s1, list(words)[int(p.argmax()) - 1], s2] = p.max().item()
        assert {(r.head, r.type, r.tail): r.score for r in predicted.relations} == pytest.approx(expected)
        found |= {r.type for r in predicted.relations}
    assert "near" in found
    assert len(found) > 1


def test_no_weight_belongs_to_a_relation() -> None:
    shapes = {name: tuple(weight.shape) for name, weight in make().head.named_parameters()}
    few = make([EXAMPLES[0]], relations=None).head
    assert shapes["pair.1.weight"] == (6, 3 * 6 + 2 * 2)
    of_pairs = ("pair.1.weight", "pair.1.bias", "none.weight", "none.bias", "scale")
    assert {name: tuple(dict(few.named_parameters())[name].shape) for name in of_pairs} == {
        name: shapes[name] for name in of_pairs
    }


def test_the_words_of_names_are_the_descriptions_without_others() -> None:
    head = make(relations=None).head
    assert {" ".join(words) for words in head.descriptions} == {"in", "at", "born in"}


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("birthPlace", "birth place"), ("Live_In", "live in"), ("/people/place_of_birth", "people place of birth"),
        ("USED-FOR", "used for"), ("was selected by NASA", "was selected by nasa"),
        ("1st_runway_SurfaceType", "1st runway surface type"), ("出生地", "出生地"), ("+", "+"),
    ],
)  # fmt: skip
def test_the_words_of_a_name(label: str, words: str) -> None:
    assert label_words(label) == words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"relations": {"in": "x", "att": "y", "born_in": "z"}},
            r"no description of 'at'; did you mean 'att'\?; describe",
        ),
        ({"relations": {**WORDS, "at": "{head} is at"}}, r"'at' has the unknown placeholder \{head\}"),
        ({"relation_negatives": 0}, "relation_negatives is 0; it must be at least 1"),
        ({"threshold": 0.7}, "labels=one takes no threshold"),
    ],
)
def test_settings_that_do_not_fit_are_one_clear_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**arguments)


def test_what_is_lost_has_its_cause() -> None:
    wide, short = Entity(0, 4, "PER"), Entity(4, 5, "LOC")
    example = Example(list("abcde"), [wide, A, short], [
        Relation(wide, "in", short), Relation(A, "in", short), Relation(A, "at", short),
    ])  # fmt: skip
    assert make([example], relations=None).head.targets(example).lost == [
        (example.relations[0], TOO_WIDE), (example.relations[2], SHARED_PAIR),
    ]  # fmt: skip


def test_a_sample_of_relations_is_compared_in_training_only() -> None:
    model = make(relation_negatives=1)
    batch = labeled(model, EXAMPLES[:1])  # "in" and "at"
    sizes, encode = [], model.head.encoded
    model.head.encoded = lambda one, which: sizes.append(len(which)) or encode(one, which)
    model.scores(labeled(model, [EXAMPLES[4]]))
    model.scores(batch)
    model.eval().scores(batch)
    assert sizes == [1, 3, 3], "one that no sentence holds beside those that they hold"
    assert torch.isfinite(model.train()(labeled(model, EXAMPLES[3:])))


def test_a_head_of_other_relations_takes_its_weights(tmp_path: Path) -> None:
    """So a few sentences teach new relations to a model that learned others."""
    import json

    from tiny import write_corpus

    from relx.commands import main

    for name, relation in (("old", "works_in"), ("new", "lives_in")):
        (tmp_path / name).mkdir()
        write_corpus(tmp_path / name / "train.jsonl")
        text = (tmp_path / name / "train.jsonl").read_text()
        (tmp_path / name / "train.jsonl").write_text(text.replace("works_in", relation))
    experiment = str(Path(__file__).parents[2] / "experiments/descriptions_webnlg.jsonnet")
    small = ["--var", "format=jsonl", "--var", "dim=8", "--var", "hidden=8", "--var", "epochs=1"]
    small += ["-o", "validation_data_path=null", "-o", "test_data_path=null", "-o", "trainer.patience=null"]
    runs = {name: str(tmp_path / f"runs/{name}") for name in ("old", "new")}
    init = ["--var", f"init={runs['old']}/model.tar.gz"]
    for name, more in (("old", []), ("new", init)):
        assert main(["train", experiment, "-s", runs[name], "--var", f"data={tmp_path / name}", *small, *more]) == 0
    config = json.loads((Path(runs["new"]) / "config.json").read_text())
    assert set(config["trainer"]["init_from"]) == {"embedder", "encoder", "head"}
