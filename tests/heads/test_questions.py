from functools import cache
from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
from sentences import spans
from tiny_transformer import TINY
from torch import Tensor

from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import TransformerEmbedder
from relx.embedders.words import WordEmbedder
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.errors import ConfigError
from relx.heads.head import UNKNOWN, PlainSentences
from relx.heads.questions import NOT_ASKED, OVERLAPPING, Questions
from relx.heads.schemes.triples import OVERLAPS, given_spans
from relx.model import JointExtractor
from relx.registry import Lazy
from relx.training.checks.oracle import oracle_decode

DIM = 5
A, B, C, D = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(1, 4, "ORG"), Entity(4, 5, "LOC")
EXAMPLES = [
    Example(list("abcde"), [A, B], [Relation(A, "lives_in", B), Relation(B, "home", A)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(
        list("edcba"), [A, C, B, D], [Relation(C, "lives_in", B), Relation(C, "lives_in", D), Relation(A, "home", C)]
    ),
    Example(list("cd"), [], []),
]
ENTITIES = {"PER": "who ?", "LOC": "where ?", "ORG": "which firm ?"}
RELATIONS = {"lives_in": "where does the {type} {head} live ?", "home": "whose home is {head} ?"}
# The relations that the sentences show with a head of each type.
ASKED = {"PER": ["lives_in", "home"], "LOC": ["home"], "ORG": ["lives_in"]}


def make(examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    head = Lazy(Questions, **{"entities": ENTITIES, "relations": RELATIONS, "dropout": 0.0, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=DIM), head, Lazy(LSTMEncoder, hidden_size=8))
    for parameter in model.double().parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


@cache
def talking() -> JointExtractor:
    """Make a model that finds something."""
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(70):
        optimizer.zero_grad()
        model(labeled(model, EXAMPLES)).backward()
        optimizer.step()
    return model.eval()


def tag_logits(model: JointExtractor, question: list[str], example: Example, subject: Entity | None = None) -> Tensor:
    """Score the tags of [Q] and of the sentence's tokens, the markers of the subject left out: [1 + length, 5]."""
    tokens = [*question, "[Q]"]
    read = [len(question)]
    for place, token in enumerate(example.tokens):
        if subject is not None and place == subject.start:
            tokens.append("[S:S]")
        read.append(len(tokens))
        tokens.append(token)
        if subject is not None and place == subject.end - 1:
            tokens.append("[S:E]")
    encoded = model.encode(TensorDataset([Example(tokens)], model.index).batch([0]))[0]
    linear = model.head.tag[-1]
    return encoded[read] @ linear.weight.T + linear.bias


def about_relation(name: str, subject: Entity, example: Example) -> list[str]:
    values = {"head": " ".join(example.tokens[subject.start : subject.end]), "type": subject.type.lower()}
    return RELATIONS[name].format(**values).split()


OUT, BEGIN, INSIDE, END, SINGLE = range(5)


def gold_tags(length: int, answers: list[Entity]) -> list[int]:
    """[Q] has S without an answer and O with one; then B I E, or S, of each answer (BMES in the public code)."""
    tags = [OUT if answers else SINGLE] + [OUT] * length
    for answer in answers:
        start, end = answer.span
        tags[1 + start : 1 + end] = [SINGLE] if end - start == 1 else [BEGIN, *[INSIDE] * (end - start - 2), END]
    return tags


def cross_entropy(logits: Tensor, tags: list[int]) -> Tensor:
    return -torch.stack([row.log_softmax(0)[tag] for row, tag in zip(logits, tags, strict=True)]).sum()


def literal_loss(model: JointExtractor, example: Example, theta: float) -> Tensor:
    """L = theta L1 + (1 - theta) L2, the means over the questions of each turn."""
    turns: list[list[Tensor]] = [[], []]
    for type, question in ENTITIES.items():
        answers = [e for e in example.entities if e.type == type]
        logits = tag_logits(model, question.split(), example)
        turns[0].append(cross_entropy(logits, gold_tags(len(example), answers)))
    for subject in example.entities:
        for name in ASKED[subject.type]:
            answers = [r.tail for r in example.relations if (r.head, r.type) == (subject, name)]
            logits = tag_logits(model, about_relation(name, subject, example), example, subject)
            turns[1].append(cross_entropy(logits, gold_tags(len(example), answers)))
    first, second = (torch.stack(turn).mean() if turn else 0 for turn in turns)
    return theta * first + (1 - theta) * second


@pytest.mark.parametrize("theta", [0.25, 0.6])
def test_the_loss_equals_the_equations_outputs_and_gradients(theta: float) -> None:
    model = make(theta=theta)
    expected = torch.stack([literal_loss(model, example, theta) for example in EXAMPLES]).mean()
    assert_same_gradients(model(labeled(model, EXAMPLES)), expected, model, rtol=1e-12, atol=1e-9)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def spelled(tags: list[int]) -> list[tuple[int, int]]:
    """The answers that tags spell, none where [Q] has S."""
    found, start = [], None
    for place, tag in enumerate(tags[1:]):
        if tag == SINGLE:
            found.append((place, place + 1))
        if tag == END and start is not None:
            found.append((start, place + 1))
        start = place if tag == BEGIN else start if tag == INSIDE else None
    return [] if tags[0] == SINGLE else found


def test_what_is_extracted_equals_the_two_turns() -> None:
    model, total = talking(), 0
    draw = torch.Generator().manual_seed(3)
    drawn = [Example(["abcde"[i] for i in torch.randint(5, (6,), generator=draw).tolist()]) for _ in range(6)]
    for example in [EXAMPLES[0], EXAMPLES[3], *drawn]:
        [predicted] = model.extract([example], DataLoader())
        entities: dict[tuple[int, int], str] = {}
        scores: dict[tuple[int, int], float] = {}
        for type in model.head.types.names:
            logits = tag_logits(model, ENTITIES[type].split(), example)
            best, tags = logits.softmax(-1).max(-1)
            for start, end in spelled(tags.tolist()):
                score = best[1 + start : 1 + end].mean().item()
                if score > scores.get((start, end), 0):
                    entities[start, end], scores[start, end] = type, score
        assert {e.span: e.type for e in predicted.entities} == entities
        relations = {}
        for span, type in entities.items():
            subject = Entity(*span, type)
            for name in ASKED[type]:
                best, tags = (
                    tag_logits(model, about_relation(name, subject, example), example, subject).softmax(-1).max(-1)
                )
                for start, end in spelled(tags.tolist()):
                    if (start, end) in entities and (start, end) != span:
                        relations[span, name, (start, end)] = best[1 + start : 1 + end].mean().item()
        assert {(r.head.span, r.type, r.tail.span): r.score for r in predicted.relations} == pytest.approx(relations)
        total += len(relations)
    assert total > 3


def test_its_layers_are_those_of_the_public_code() -> None:
    """One linear layer of five tags for both turns (Entity-Relation-As-Multi-Turn-QA, model.py)."""
    head = make().head
    assert {name: tuple(p.shape) for name, p in head.named_parameters()} == {
        "tag.1.weight": (5, 16), "tag.1.bias": (5,),
    }  # fmt: skip
    assert head.theta == 0.25


def test_without_questions_it_asks_with_the_words_of_the_labels() -> None:
    example = Example(
        list("abc"), [Entity(0, 1, "PlaceName"), Entity(2, 3, "per")],
        [Relation(Entity(0, 1, "PlaceName"), "/a/Home_Of", Entity(2, 3, "per"))],
    )  # fmt: skip
    head = make([example], entities=None, relations=None).head
    assert head.of_types == ["find all place name entities in the context", "find all per entities in the context"]
    assert head.of_relations == [
        "find all entities in the context that have a a home of relationship with {type} entity {head}"
    ]


def test_without_entity_types_it_asks_for_entities() -> None:
    a, b = Entity(0, 1), Entity(2, 3)
    model = make([Example(list("abc"), [a, b], [Relation(a, "r", b)])], entities=None, relations=None)
    assert [text.split() for text in model.head.of_types] == [["find", "all", "entities", "in", "the", "context"]]
    assert not {"misc", "MISC"} & {*model.head.words}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"entities": {"PER": "who ?", "Loc": "where ?", "ORG": "which ?"}}, r"entities: no description of 'LOC'; "),
        ({"relations": {"home": "home of {head}"}}, "relations: no description of 'lives_in'; describe every label"),
        ({"relations": {**RELATIONS, "home": "{tail} ?"}}, r"'home' has the unknown placeholder \{tail\} in its desc"),
        ({"relations": {**RELATIONS, "home": "{head ?"}}, "'home' has the description '{head \\?': expected '}'"),
        ({"entities": {**ENTITIES, "PER": " "}}, "'PER' has a description without words"),
        (
            {"entities": {**ENTITIES, "PER": "who is {head} ?"}},
            r"'PER' has the unknown placeholder \{head\}.*known: none",
        ),
        ({"theta": 1.5}, "theta is 1.5; it must lie between 0 and 1"),
    ],
)
def test_questions_that_do_not_fit_are_one_clear_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**arguments)


def test_a_question_of_a_label_that_training_lacks_is_allowed() -> None:
    assert len(make(entities={**ENTITIES, "EVENT": "what happened ?"}).head.of_types) == 3


def test_a_relation_of_a_head_of_another_type_is_a_lost_relation_with_its_cause() -> None:
    head = make().head
    unasked = Relation(B, "lives_in", A)  # training shows it of PER and ORG only
    example = Example(list("abcde"), [A, B], [unasked, Relation(A, "home", B), Relation(A, "unheard", B)])
    lost = {r.type: cause for r, cause in head.targets(example).lost}
    assert lost == {"lives_in": NOT_ASKED, "unheard": UNKNOWN}
    assert spans(oracle_decode(head, [example])[0]) == [((0, 2), "home", (3, 4))]


def test_answers_that_overlap_are_lost_with_their_cause_and_nested_entities_of_other_types_are_not() -> None:
    head = make().head
    inner = Entity(1, 2, "PER")
    longer = Example(list("abcde"), [A, inner, B], [Relation(inner, "lives_in", B), Relation(A, "lives_in", B)])
    assert head.targets(longer).lost == [(longer.relations[0], OVERLAPS)]
    assert [e.span for e in oracle_decode(head, [longer])[0].entities] == [(0, 2), (3, 4)]
    nested = Example(list("abcde"), [A, C, D], [Relation(D, "home", A), Relation(D, "home", C), Relation(A, "home", C)])
    assert head.targets(nested).lost == [(nested.relations[0], OVERLAPPING)], "two answers to one question"
    found = oracle_decode(head, [nested])[0]
    assert spans(found) == [((0, 2), "home", (1, 4)), ((4, 5), "home", (1, 4))]
    assert [e.span for e in found.entities] == [(0, 2), (1, 4), (4, 5)]


def test_a_sample_of_questions_without_an_answer_is_learned_in_training_only() -> None:
    model = make(negatives=1)
    batch = labeled(model, EXAMPLES)
    chosen = [model.scores(batch) for _ in range(20)]
    assert len({tuple(zip(o["mention"].tolist(), o["relation"].tolist(), strict=True)) for o in chosen}) > 1
    # Answered: 2 and 2; one more of the first, second and fourth sentence.
    assert {len(o["mention"]) for o in chosen} == {2 + 2 + 3}
    assert len(model.eval().scores(batch)["mention"]) == 3 + 2 + 5


def test_questions_are_answered_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model = talking()
    examples = [Example(list("abcdeab")), EXAMPLES[3]]
    whole = model.extract(examples, DataLoader())
    sizes, score = [], model.head._logits
    monkeypatch.setattr("relx.heads.questions.QUESTIONS_AT_ONCE", 2)
    monkeypatch.setattr(model.head, "_logits", lambda plain, made: sizes.append(len(made)) or score(plain, made))
    assert list(map(spans, model.extract(examples, DataLoader()))) == list(map(spans, whole))
    assert any(example.relations for example in whole)
    assert max(sizes) == 2


def test_three_hundred_entities_of_a_sentence_are_asked_about() -> None:
    model = make().eval()
    example = Example(["a"] * 300, [Entity(i, i + 1, "PER") for i in range(300)])
    head, count = model.head, []
    head._logits = lambda plain, made: count.append(len(made)) or torch.zeros(len(made), 301, 5)
    model.relate([example], DataLoader())
    assert sum(count) == 300 * 2
    assert max(count) <= 256


def test_the_words_of_questions_have_vectors_of_their_own_and_are_found_again() -> None:
    model = make()
    embedder = model.embedder
    rows = {word: embedder._row(word) for word in ("who", "where", "firm", "home", "[Q]", "[S:S]")}
    assert len({*rows.values()}) == 6
    assert min(rows.values()) > 1, "none is the unknown word"


def test_a_transformer_reads_questions_as_the_words_that_they_are() -> None:
    embedder = Lazy(TransformerEmbedder, model=TINY)
    model = JointExtractor(Vocabulary(EXAMPLES), embedder, Lazy(Questions, entities=ENTITIES, relations=RELATIONS))
    known = model.embedder.pieces.tokenizer.get_vocab()
    assert "[Q]" in known
    assert "who" not in {token for token in known if token.startswith("[")}
    assert torch.isfinite(model(labeled(model, EXAMPLES)))


def test_an_added_relation_is_asked_of_entities_of_every_type() -> None:
    model = make().eval()
    head = model.head.with_relations({"works_for": "for whom does {head} work ?"})
    assert head.asked[:, -1].all()
    assert (head.asked[:, :-1] == model.head.asked).all()
    assert "works_for" not in model.head.relations, "the head itself stays as it is"
    example = Example(list("abcde"), [A, B])
    plain = PlainSentences(TensorDataset([example], model.index).batch([0]), None)
    entities = given_spans([[A, B]], plain.batch, model.head.types.given_labels([[A, B]]))
    made = head._about_relations(plain, entities, *head._second_turn(entities))
    questions = [" ".join(sentence.example.tokens) for sentence in made]
    assert "for whom does a b work ? [Q] [S:S] a b [S:E] c d e" in questions
    assert "for whom does d work ? [Q] a b c [S:S] d [S:E] e" in questions
