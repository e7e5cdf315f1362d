"""What must hold of every model: the test case from which those of single components are made."""

import copy
import inspect
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from relx import archive, config
from relx.data.batch import TensorDataset
from relx.data.example import Entity, Example, Relation
from relx.data.loader import DataLoader
from relx.data.vocabulary import Vocabulary
from relx.errors import ArchiveError, TrainingError
from relx.model import JointExtractor
from relx.registry import Reference
from relx.testing.checks import (
    fail,
    require,
    require_close,
    require_finite,
    require_finite_gradients,
    require_gradients,
    require_same,
    shown,
)

Mention = tuple[int, int, str]


def labeled(text: str, *relations: tuple[Mention, str, Mention], others: tuple[Mention, ...] = ()) -> Example:
    """Return a sentence with these relations, and with their mentions and others as entities, tags and a tree."""
    tokens = text.split(" ") if text else []
    found = [Relation(Entity(*head), name, Entity(*tail)) for head, name, tail in relations]
    mentions = dict.fromkeys([m for r in found for m in (r.head, r.tail)] + [Entity(*other) for other in others])
    starts = list(accumulate((len(token) + 1 for token in tokens[:-1]), initial=0)) if tokens else []
    return Example(
        tokens,
        sorted(mentions, key=lambda mention: mention.span),
        found,
        text=text,
        offsets=[(start, start + len(token)) for start, token in zip(starts, tokens, strict=True)],
        pos_tags=["NNP" if token[0].isupper() else "NN" if token.isalpha() else "." for token in tokens],
        dependency_heads=list(range(len(tokens))),
        deprels=["root" if place == 0 else "dep" for place in range(len(tokens))],
    )


# Of several lengths, 0 and 1 among them; mentions of one word and of several; relations that go forwards, backwards and
# share a mention; an entity without relation, a sentence without entity.
SENTENCES = (
    labeled("Ada Lovelace was born in London .", ((0, 2, "PER"), "born_in", (5, 6, "LOC"))),
    labeled("Acme Corp , which is in New York , hired Grace Hopper .", ((0, 2, "ORG"), "based_in", (6, 8, "LOC")),
              ((10, 12, "PER"), "works_for", (0, 2, "ORG"))),
    labeled("Oslo is where Linus was born .", ((3, 4, "PER"), "born_in", (0, 1, "LOC"))),
    labeled(""),
    labeled("Edith works for Intel in Oslo .", ((0, 1, "PER"), "works_for", (3, 4, "ORG")), others=((5, 6, "LOC"),)),
    labeled("London", others=((0, 1, "LOC"),)),
    labeled("Nothing happens here ."),
    labeled("Alan Turing was born in London and worked for Acme Corp , as everybody knows .",
              ((0, 2, "PER"), "born_in", (5, 6, "LOC")), others=((9, 11, "ORG"),)),
)  # fmt: skip


MODEL = Reference("relx.model", "JointExtractor")
LOADER = DataLoader()
LEAKS = (
    "Padding or neighbors are read: multiply by batch.mask before you sum, and mask before a softmax or a maximum; "
    "what is normalized must not reach over the batch"
)

Description = dict[str, Any]
# The trained models of each test case, by its settings.
_TALKING: WeakKeyDictionary[type, dict[str, JointExtractor]] = WeakKeyDictionary()


class ModelTestCase:
    """The tests of a model, which ``model`` describes as an experiment file does.

    A subclass whose name starts with ``Test`` is found by pytest; ``check`` runs all tests at once, under anything. A
    test that makes no sense for a component is set to None. ``sentences`` are what the model is trained on, labeled;
    so many ``steps`` of Adam with the learning rate ``lr`` have to halve the loss on them.
    """

    model: Description
    sentences: Sequence[Example] = SENTENCES
    steps: int = 40
    lr: float = 0.05

    @classmethod
    def check(cls, **settings: Any) -> None:
        """Run every test. ``settings`` replace attributes of the class, such as ``model``.

        Raises AssertionError that lists all tests which failed, whatever they raised. Raises TypeError for an unknown
        setting and for a lacking one, ConfigError for a description that does not fit.
        """
        known = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
        if unknown := settings.keys() - known:
            raise TypeError(f"{cls.__name__} has no setting {unknown.pop()!r}; it has {', '.join(sorted(known))}")
        case = type(cls.__name__, (cls,), settings)()
        case._require_described()
        config.require_valid(case.description(), MODEL, "the model of the test")
        tests = {name: getattr(case, name) for name in dir(cls) if name.startswith("test_")}
        failures = [f"{name}: {error}" for name, test in tests.items() if test and (error := _failure_of(test))]
        require(not failures, "\n".join([f"{len(failures)} of {len(tests)} tests failed", *failures]))

    def description(self) -> Description:
        """Return the description of the model under test."""
        return self.model

    def _require_described(self) -> None:
        """Raise TypeError if an attribute that ``description`` needs is missing."""
        describing = next(base for base in type(self).__mro__ if "description" in vars(base))
        for name in inspect.get_annotations(describing):
            if not hasattr(self, name):
                raise TypeError(f"{type(self).__name__} has no {name!r} to test: check({name}={{'type': ...}})")

    def copies(self) -> list[Example]:
        """Return copies of the sentences, so that a component cannot change the originals."""
        return copy.deepcopy(list(self.sentences))

    def build(self, sentences: Sequence[Example] | None = None) -> JointExtractor:
        """Build the untrained model with the vocabulary of these sentences. Raises ConfigError like an experiment."""
        torch.manual_seed(1)
        config.require_valid(self.description(), MODEL, "the model of the test")
        vocabulary = Vocabulary(self.copies() if sentences is None else sentences)
        model: JointExtractor = config.build(self.description(), MODEL, vocabulary=vocabulary)
        vocabulary.close()
        return model

    def test_it_trains(self) -> None:
        """Its loss falls."""
        model = self.build()
        before = _loss(model.eval(), self.copies()).item()
        after = _loss(self._trained(model, self.steps), self.copies()).item()
        require(
            after < before / 2,
            f"{self.steps} steps of Adam took the loss from {before:.3g} to {after:.3g}; it should have halved. Try "
            "another `lr` or more `steps`; if that does not help, the loss does not ask for the targets",
        )

    def test_a_gradient_reaches_every_weight(self) -> None:
        """None is left out of the loss."""
        model = self.build().train()
        for _ in range(3):  # dropout may hide a weight once
            _loss(model, self.copies()).backward()
        require_gradients(model)

    def test_saved_and_loaded_it_says_the_same(self) -> None:
        """Its weights and its vocabulary hold everything that it has learned."""
        model = self._talking()
        experiment = {"dataset_reader": {"type": "jsonl"}, "model": config.fill(self.description(), MODEL)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.tar.gz")
            archive.save(path, experiment, model, {})
            try:
                opened = archive.load(path).model
            except ArchiveError as error:
                fail(f"its archive cannot be opened: {error}. {_KEPT}")
        said, again = (made.extract(self.copies(), LOADER) for made in (model, opened))
        require_same(said, again, "it says something else after it was saved and loaded", _KEPT)

    def test_a_sentence_is_treated_alike_alone_and_in_a_batch(self) -> None:
        """Neither padding nor neighbors nor the order change a prediction."""
        model = self._talking()
        together = model.extract(self.copies(), LOADER)
        alone = [model.extract([example], LOADER)[0] for example in self.copies()]
        require_same(alone, together, "alone and in a batch it says different things", LEAKS)
        turned = model.extract(self.copies()[::-1], LOADER)[::-1]
        require_same(together, turned, "the order of the sentences changes what it says", LEAKS)

    def test_the_loss_is_a_mean_over_sentences(self) -> None:
        """Neither padding nor neighbors change what a sentence adds to it, unless the loss samples."""
        model = self._talking()
        longest = max(self.copies(), key=len)
        for example in filter(lambda example: example.tokens, self.copies()):
            mean = (_loss(model, [example]) + _loss(model, [longest])) / 2
            what = f"the loss of {shown(example)} beside a longer sentence is not the mean of the two alone"
            require_close(_loss(model, [example, longest]), mean, what, f"It is a mean over sentences. {LEAKS}")

    def test_empty_sentences_and_single_tokens(self) -> None:
        """They train and predict like other sentences, and have no predictions."""
        model = self.build()
        short = [example for example in self.copies() if len(example) < 2] or [Example([]), Example(["word"])]
        for examples in (short, [*short, *self.copies()]):
            _loss(model.train(), examples).backward()
            require_finite_gradients(model)
        empty = next((example for example in short if not example.tokens), Example([])).unlabeled()
        for examples in ([], [empty], [empty, empty], short):
            said = model.extract(examples, LOADER)
            require(len(said) == len(examples), f"of {len(examples)} short sentences it answered {len(said)}")
            silent = all(not (e.entities or e.relations) for e in said if not e.tokens)
            require(silent, "it finds entities or relations in a sentence without tokens")

    def test_it_can_be_built_without_any_label(self) -> None:
        """A corpus may have no relations, or no entities either."""
        bare = [example.unlabeled() for example in self.copies()]
        model = self.build(bare)
        require_finite(_loss(model, bare), "sentences without entities and relations")
        require(len(model.extract(bare, LOADER)) == len(bare), "it must answer every sentence")

    def test_labels_are_not_looked_at(self) -> None:
        """A prediction is that of the sentence, which is left as it was."""
        model = self._talking()
        given = self.copies()
        said = model.extract(given, LOADER)
        finds_entities = model.head.finds_entities  # otherwise they are its input
        stripped = [e.unlabeled() if finds_entities else replace(e, relations=[]) for e in self.sentences]
        bare = model.extract(stripped, LOADER)
        require_same(said, bare, "it says something else where gold labels are given", "Read them in `targets` only")
        unchanged = given == list(self.sentences)
        require(unchanged, "it changes the sentences that it is given: decode must make new Examples (prediction())")

    def _talking(self) -> JointExtractor:
        """Return a model that is trained until it finds a relation; a class trains it once for all of its tests."""
        models = _TALKING.setdefault(type(self), {})
        settings = repr((self.description(), self.steps, self.lr, self.sentences))
        if settings not in models:
            models[settings] = self._trained_to_talk()
        return copy.deepcopy(models[settings])

    def _trained_to_talk(self) -> JointExtractor:
        """Train a model until it finds a relation, for at most ``steps`` steps."""
        model = self.build()
        for _ in range(4):
            self._trained(model, self.steps // 4)
            found = model.extract(self.copies(), LOADER)
            if any(example.relations if model.head.finds_relations else example.entities for example in found):
                break
        return model

    def _trained(self, model: JointExtractor, steps: int, sentences: Sequence[Example] | None = None) -> JointExtractor:
        """Train the model for ``steps`` steps on the sentences (all by default) and return it in evaluation mode."""
        torch.manual_seed(2)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=self.lr)
        corpus = TensorDataset(self.copies() if sentences is None else sentences, model.index_labeled)
        model.train()
        for _ in range(steps):
            optimizer.zero_grad()
            _loss_of(model, corpus).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        return model.eval()


def _failure_of(test: Callable[[], None]) -> str:
    """Return why a test fails, or "" if it passes."""
    try:
        test()
    except AssertionError as error:
        return str(error) or "AssertionError"
    except Exception as raised:  # whatever the component under test raises
        fault = raised.__cause__ or raised  # that of a head, where relx names the head
        frames = traceback.extract_tb(fault.__traceback__)
        place = [frame for frame in frames if "/torch/" not in Path(frame.filename).as_posix()][-1]
        return f"{type(fault).__name__}: {fault} ({place.filename}:{place.lineno}, in {place.name})"
    return ""


_KEPT = (
    "What a component finds out from the training sentences has to come from the vocabulary (namespace, fact, file), "
    "and what it learns has to be a parameter or a buffer"
)


def _loss(model: JointExtractor, examples: Sequence[Example]) -> Tensor:
    """Return the loss of sentences in one batch; fail if it is not a finite scalar."""
    return _loss_of(model, TensorDataset(examples, model.index_labeled))


def _loss_of(model: JointExtractor, corpus: TensorDataset) -> Tensor:
    try:
        loss = model(corpus.batch(range(len(corpus))))
    except TrainingError as error:
        fail(str(error))
    require_finite(loss, f"{len(corpus)} sentences, the first {shown(corpus.examples[0])}")
    return loss
