"""Words of the document around a sentence are read, and have no place in what is predicted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from batches import labeled
from tiny_transformer import SPECIAL, TINY, transformer
from torch import Tensor

from relx import archive, config
from relx.commands import main
from relx.data.batch import TensorDataset
from relx.data.document import Document
from relx.data.example import Context, Entity, Example, Relation
from relx.data.vocabulary import Vocabulary
from relx.data.windows import windows
from relx.embedders.embedder import Levitated
from relx.embedders.transformer import TransformerEmbedder
from relx.model import JointExtractor
from relx.predictors import Predictor
from relx.readers import make_reader
from relx.testing.model import LOADER, MODEL, SENTENCES

BEFORE, WORDS, AFTER = ["He", "left", "Rome", "."], ["Clara", "met", "Bob", "Novak", "."], ["They", "sang", "."]


def inside(before: list[str], words: list[str], after: list[str]) -> Example:
    """A sentence between two others of its document."""
    return Example(words, context=Context([before, words, after], 1, 2))


def vectors(embedder: TransformerEmbedder, *examples: Example) -> Tensor:
    corpus = TensorDataset(examples, embedder.index)
    return embedder(corpus.batch(range(len(corpus))))


def make(**arguments: Any) -> TransformerEmbedder:
    torch.manual_seed(1)
    return TransformerEmbedder(Vocabulary([inside(BEFORE, WORDS, AFTER)]), TINY, **arguments).double().eval()


@pytest.mark.parametrize("pooling", ["first", "mean"])
@torch.no_grad()
def test_words_are_read_as_in_the_whole_text_and_only_those_of_the_sentence_have_vectors(pooling: Any) -> None:
    embedder = make(context=40, pooling=pooling)
    found = vectors(embedder, inside(BEFORE, WORDS, AFTER), Example(["Bob"]))
    assert found.shape[1] == len(WORDS)
    whole = vectors(embedder, Example(BEFORE + WORDS + AFTER))[0]
    torch.testing.assert_close(found[0], whole[len(BEFORE) : -len(AFTER)], rtol=0, atol=1e-10)
    torch.testing.assert_close(found[1, :1], vectors(embedder, Example(["Bob"]))[0], rtol=0, atol=1e-10)
    assert (found[1, 1:] == 0).all()


@torch.no_grad()
def test_a_sentence_is_filled_up_on_both_sides_to_so_many_words() -> None:
    """Of 4 further words two are before the sentence and two are after it; an odd one is after it."""
    example = inside(BEFORE, WORDS, AFTER)
    for context, before, after in ((9, 2, 2), (8, 1, 2), (6, 0, 1), (5, 0, 0), (0, 0, 0)):
        embedder = make(context=context)
        around = Example(BEFORE[len(BEFORE) - before :] + WORDS + AFTER[:after])
        expected = vectors(embedder, replace(around, context=None))[0, before : before + len(WORDS)]
        torch.testing.assert_close(vectors(embedder, example)[0], expected, rtol=0, atol=1e-10)


def test_a_context_of_zero_reads_what_a_sentence_alone_reads() -> None:
    embedder = make()
    ours, alone = (embedder.index(one) for one in (inside(BEFORE, WORDS, AFTER), Example(WORDS)))
    assert ours.keys() == alone.keys()
    assert all((ours[name] == alone[name]).all() for name in ours)
    with pytest.raises(ValueError, match="context is -1; it must be at least 0"):
        transformer(context=-1)


def test_context_without_documents_is_an_error() -> None:
    with pytest.raises(ValueError, match="context is 5, but no training sentence is part of a document"):
        transformer(context=5)


@torch.no_grad()
def test_words_beyond_the_context_change_nothing() -> None:
    embedder = make(context=9)
    near, far = inside(["Bob", *BEFORE[1:]], WORDS, AFTER), inside(BEFORE, WORDS, [*AFTER[:2], "!", "No"])
    plain = vectors(embedder, inside(BEFORE, WORDS, AFTER))
    assert torch.equal(plain, vectors(embedder, near))
    assert torch.equal(plain, vectors(embedder, far))
    assert not torch.equal(plain, vectors(embedder, inside(BEFORE, WORDS, ["We", *AFTER[1:]])))


@torch.no_grad()
def test_context_is_read_as_far_as_it_fits_beside_the_sentence() -> None:
    """One window shows the sentence, and as many pieces on both sides as fit; a long sentence has no context."""
    words = list("abcdef")
    embedder = make(context=300, max_pieces=10 + SPECIAL)
    for before, after, shown in (
        (list("ghijkl"), list("mnopqr"), "klabcdefmn"),
        (list("g"), list("mnopqr"), "gabcdefmno"),
        (list("ghijkl"), [], "ijklabcdef"),
    ):
        found = vectors(embedder, inside(before, words, after))
        expected = vectors(embedder, Example(list(shown)))[0, shown.index("a") : shown.index("a") + 6]
        torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-10)
    long = list("abcdefghijklmnop")
    assert torch.equal(vectors(embedder, inside(list("xyz"), long, list("uvw"))), vectors(embedder, Example(long)))


@torch.no_grad()
def test_levitated_markers_have_the_places_of_their_words_beside_the_context() -> None:
    embedder = make(context=40)
    embedder.add_levitated(["[1]", "[2]", "[3]", "[4]"])

    def read(example: Example, shift: int) -> Tensor:
        batch = TensorDataset([example], embedder.index).batch([0])
        words = torch.tensor([[0, 0, 2, 3], [2, 3, 0, 0]]) + shift
        markers = Levitated(torch.zeros(2, dtype=torch.long), torch.arange(4).expand(2, 4), words, (False, True) * 2)
        return embedder.levitated(batch, markers)

    whole = read(Example(BEFORE + WORDS + AFTER), len(BEFORE))
    torch.testing.assert_close(read(inside(BEFORE, WORDS, AFTER), 0), whole, rtol=0, atol=1e-10)


@torch.no_grad()
def test_attention_maps_are_those_between_the_words_of_the_sentence() -> None:
    embedder = make(context=40)
    maps = [
        embedder.attention(TensorDataset([example], embedder.index).batch([0]))[0]
        for example in (inside(BEFORE, WORDS, AFTER), Example(BEFORE + WORDS + AFTER))
    ]
    own = slice(len(BEFORE), -len(AFTER))
    torch.testing.assert_close(maps[0], maps[1][own, own], rtol=0, atol=1e-10)


def test_sentences_cut_from_a_document_know_it() -> None:
    document = Document.of_sentences(map(Example, (BEFORE, WORDS, AFTER)), id="d")
    contexts = [example.context for example in windows(document, 1)]
    assert all(context is not None for context in contexts)
    assert [(c.before(2), c.after(2)) for c in contexts if c] == [
        ([], WORDS[:2]),
        (BEFORE[2:], AFTER[:2]),
        (WORDS[3:], []),
    ]
    first, second = (example.context for example in windows(document, 2))
    assert first and (first.before(9), first.after(9)) == ([], AFTER)
    assert second and (second.before(9), second.after(9)) == (BEFORE, [])
    assert windows(document, 1)[0].unlabeled().context == contexts[0]


HEADS = [
    {"type": "spert", "max_width": 2, "width_dim": 3, "threshold": 0.1},
    {"type": "pure", "max_width": 2, "width_dim": 3, "hidden_size": 8},
    {"type": "pure", "max_width": 2, "width_dim": 3, "hidden_size": 8, "markers": "levitated"},
    {"type": "cascade"},
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: f"{head['type']}-{head.get('markers', 'text')}")
def test_what_a_head_reads_depends_on_neighbors_and_not_on_those_beyond(head: dict[str, Any]) -> None:
    torch.manual_seed(1)
    description = {"embedder": {"type": "transformer", "model": TINY, "context": 14}, "head": head}
    ann, bob = Entity(0, 1, "PER"), Entity(2, 4, "PER")
    gold = replace(inside(BEFORE, WORDS, AFTER), entities=[ann, bob], relations=[Relation(ann, "knows", bob)])
    model: JointExtractor = config.build(config.fill(description, MODEL), MODEL, vocabulary=Vocabulary([gold]))
    model.eval()

    def loss(example: Example) -> float:
        return model(labeled(model, [replace(gold, context=example.context)])).item()

    far = loss(inside(["She", *BEFORE], WORDS, [*AFTER, *"abcdefgh"]))
    assert loss(gold) != pytest.approx(loss(Example(WORDS)), abs=1e-6)
    assert far == pytest.approx(loss(inside(["Bob", *BEFORE], WORDS, [*AFTER, *"abxyz"])), abs=1e-6)
    assert far != pytest.approx(loss(inside(["She", "saw", *BEFORE[1:]], WORDS, [*AFTER, *"abcdefgh"])), abs=1e-6)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a model that reads context and finds many entities and relations."""
    torch.manual_seed(1)
    head = {"type": "spert", "max_width": 2, "width_dim": 3, "threshold": 0.3}
    described = config.fill({"embedder": {"type": "transformer", "model": TINY, "context": 14}, "head": head}, MODEL)
    vocabulary = Vocabulary([*SENTENCES, inside(BEFORE, WORDS, AFTER)])
    model = config.build(described, MODEL, vocabulary=vocabulary)
    vocabulary.close()
    file = tmp_path_factory.mktemp("context") / "model.tar.gz"
    archive.save(file, {"dataset_reader": {"type": "dygie"}, "model": described}, model, {})
    return file


@pytest.fixture(scope="module")
def predictor(file: Path) -> Predictor:
    return Predictor.load(file)


def found(sentences: list[Example]) -> list[list[tuple[Any, ...]]]:
    return [[(*e.span, e.type, round(e.score or 0, 4)) for e in sentence.entities] for sentence in sentences]


def test_documents_are_predicted_with_the_context_that_training_reads(predictor: Predictor, tmp_path: Path) -> None:
    document = {"doc_key": "d", "sentences": [BEFORE, WORDS, AFTER], "ner": [[], [], []], "relations": [[], [], []]}
    (tmp_path / "d.json").write_text(json.dumps(document) + "\n")
    read = list(make_reader("dygie").read(tmp_path / "d.json"))
    predicted = predictor.model.extract(read, LOADER)
    assert all(entity.span[1] <= len(example) for example in predicted for entity in example.entities)
    expected = found(predicted)
    alone = found(predictor.model.extract([Example(words) for words in (BEFORE, WORDS, AFTER)], LOADER))
    assert expected != alone
    assert found(predictor.predict(read)) == expected
    text = "\n".join(" ".join(words) for words in (BEFORE, WORDS, AFTER))
    spelled = predictor.predict_document({"text": text})
    assert [sentence.tokens for sentence in spelled.sentences] == [BEFORE, WORDS, AFTER]
    assert found(spelled.sentences) == expected


def test_given_the_entities_of_a_document_its_context_is_read(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two archives are joined this way (PURE)."""
    (tmp_path / "d.txt").write_text("\n".join(" ".join(words) for words in (BEFORE, WORDS, AFTER)))
    answers = []
    for command in (["d.txt"], ["found.jsonl", "--given-entities"]):
        assert main(["predict", str(file), str(tmp_path / command[0]), *command[1:]]) == 0
        answers.append(json.loads(capsys.readouterr().out))
        (tmp_path / "found.jsonl").write_text(json.dumps(answers[0]))
    assert answers[0]["relations"]
    assert answers[1]["relations"] == answers[0]["relations"]
