"""How the later tasks of the cascade read what earlier ones found (Cascade-SRN, Wang et al. 2022, section 3.4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.example import Example
from relx.data.loader import DataLoader
from relx.encoders.seq2seq.encoder import Seq2SeqEncoder, TaskFeatures
from relx.heads.head import Encode
from relx.heads.schemes.global_feature import GlobalFeature
from relx.heads.spans import Spans
from relx.heads.spans.spans import labels_of_tokens, mean_of_endpoints
from relx.utils.argument_checks import require_sizes

TaskContext = Literal["none", "global_feature", "lstm"]
T = TypeVar("T")


@dataclass(frozen=True)
class PlainSentences:
    """A batch of plain sentences, what encodes sentences, and these encoded: [batch, length, size of the encoder]."""

    batch: Batch
    encode: Encode
    encoded: Tensor

    @property
    def shape(self) -> torch.Size:
        """(batch, length)."""
        return self.batch.mask.shape


class Fusion(nn.Module):
    """Compute the features of tokens that the three tasks read, of the ``sizes`` entity, subject and object.

    ``markers`` are the tokens that it writes among the words. ``shares_objects`` says whether the features of a token
    outside of the subject are the same for all subjects.
    """

    sizes: dict[str, int]
    markers: Sequence[str] = ()
    shares_objects = False

    def __init__(self, task_features: TaskFeatures) -> None:
        super().__init__()
        self.task_features = task_features
        self.sizes = {task: task_features.size(task) for task in ("entity", "subject", "object")}

    def entity_features(self, plain: PlainSentences) -> Tensor:
        """Compute the features for extracting entities: [batch, length, entity]."""
        return self.task_features.of(plain.encoded, "entity")

    def subject_object_features(
        self, plain: PlainSentences, entities: Spans, rows: Tensor, subjects: Spans
    ) -> tuple[Tensor, Tensor]:
        """Compute what the later tasks read, given the entities of all sentences of the batch.

        The features for extracting subjects in the sentences ``rows``: [rows, length, subject]; and those for
        extracting the objects of each subject: [subjects, length, object].
        """
        raise NotImplementedError


class GlobalContext(nn.Module):
    """Put the global feature of its sentence beside each vector: [x_t; g]."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.of_sentence = GlobalFeature(input_dim, hidden_size)
        self.output_dim = input_dim + hidden_size

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[rows, length, input_dim] -> [rows, length, output_dim]."""
        return torch.cat((inputs, self.of_sentence(inputs, mask)), dim=-1)


class LateFusion(Fusion):
    """Encode sentences once, and put embeddings of entity types and of the subject beside the features (Eq. 11).

    Without ``num_types`` the later tasks do not read the entities. With ``subject_vectors`` the mean of the subject's
    first and last token is beside every token too. As printed, a tagger reads each token by itself, so that the subject
    changes the scores of its own tokens only. ``task_context`` gives the subject task and the object task a model of
    their own over the vectors of Eq. 11, which carries the embeddings to the other tokens: PFN's global feature beside
    each vector, or a bidirectional LSTM in place of the vectors, of ``context_size`` features (in each direction).
    """

    def __init__(
        self,
        task_features: TaskFeatures,
        num_types: int | None,
        tag_dim: int,
        subject_vectors: bool,
        task_context: TaskContext,
        context_size: int,
    ) -> None:
        super().__init__(task_features)
        require_sizes(tag_dim=tag_dim, context_size=context_size)
        self.types = nn.Embedding(num_types + 1, tag_dim) if num_types is not None else None
        self.subject = nn.Embedding(2, tag_dim)
        self.subject_vectors = subject_vectors
        self.shares_objects = task_context == "none" and not subject_vectors
        types_dim = tag_dim if num_types is not None else 0
        self.sizes["subject"] += types_dim
        self.sizes["object"] += types_dim + tag_dim + (task_features.size("object") if subject_vectors else 0)
        lstm = Seq2SeqEncoder.named("lstm", hidden_size=context_size)
        self.contexts: dict[str, Any] = nn.ModuleDict()  # type: ignore[assignment]
        for task in ("subject", "object") if task_context != "none" else ():
            size, with_lstm = self.sizes[task], task_context == "lstm"
            self.contexts[task] = lstm.build(input_dim=size) if with_lstm else GlobalContext(size, context_size)
            self.sizes[task] = self.contexts[task].output_dim

    def subject_object_features(
        self, plain: PlainSentences, entities: Spans, rows: Tensor, subjects: Spans
    ) -> tuple[Tensor, Tensor]:
        """Compute Eq. 11, [e_e; h_s] and [e_e; h_o; e_s] (and the subject's vector), each in its context."""
        mask, length = plain.batch.mask, plain.shape[1]
        e_e = []  # [batch, length, tag_dim]: of the longest entity over each token
        if self.types is not None:
            e_e = [self.types(labels_of_tokens(entities, plain.shape, self.types.num_embeddings - 1))]
        h_s = self.task_features.of(plain.encoded, "subject")  # [batch, length, subject]
        h_o = self.task_features.of(plain.encoded, "object")  # [batch, length, object]
        own = subjects.with_rows(torch.arange(len(subjects), device=subjects.label.device)).unlabelled()
        e_s = self.subject(labels_of_tokens(own, torch.Size((len(subjects), length)), 1))  # [subjects, length, tag_dim]
        for_subjects = [part[rows] for part in (*e_e, h_s)]
        for_objects = [*(part[subjects.batch_index] for part in (*e_e, h_o)), e_s]
        if self.subject_vectors:
            for_objects.append(mean_of_endpoints(h_o, subjects).unsqueeze(1).expand(-1, length, -1))
        return (
            self._in_context("subject", torch.cat(for_subjects, dim=-1), mask[rows]),
            self._in_context("object", torch.cat(for_objects, dim=-1), mask[subjects.batch_index]),
        )

    def _in_context(self, task: str, vectors: Tensor, mask: Tensor) -> Tensor:
        """Apply the task's own model: [rows, length, d] -> [rows, length, size of the task]."""
        return self.contexts[task](vectors, mask) if task in self.contexts else vectors


class Marking(NamedTuple):
    """A span to mark, the tokens ``start`` to ``last``, as an entity with this ``label``, or as a subject (None)."""

    start: int
    last: int
    label: int | None


class MarkedSentence(NamedTuple):
    """A sentence with markers, and the positions in it of the original tokens [length]."""

    example: Example
    positions: np.ndarray


class TextMarkers:
    """Write [S:S] and [S:E] around a subject, [e:TYPE:S] and [e:TYPE:E] around an entity.

    Spans may overlap and cross. Where several markers meet, those that end a span come first; then each span lies
    within the longer ones, and an entity within the subject that has the same tokens.
    """

    def __init__(self, types: Sequence[str]) -> None:
        self.subject = ("[S:S]", "[S:E]")
        self.entities = [(f"[e:{type}:S]", f"[e:{type}:E]") for type in types]

    @property
    def tokens(self) -> list[str]:
        """All markers."""
        return [marker for pair in (self.subject, *self.entities) for marker in pair]

    def insert(self, example: Example, markings: Iterable[Marking]) -> MarkedSentence:
        """Insert the markers. A marker's tag is itself; in a dependency tree its head is the token that it marks."""
        marks = sorted(mark for marking in markings for mark in self._marks(marking))
        tokens = np.arange(len(example))
        positions = tokens + np.searchsorted([mark.before for mark in marks], tokens, side="right")
        names = [mark.marker for mark in marks]
        marked = Example(_merged(example.tokens, marks, names), id=example.id)
        if example.pos_tags is not None:
            marked.pos_tags = _merged(example.pos_tags, marks, names)
        if example.dependency_heads is not None:
            moved = [head and int(positions[head - 1]) + 1 for head in example.dependency_heads]
            marked.dependency_heads = _merged(moved, marks, [int(positions[mark.token]) + 1 for mark in marks])
        if example.deprels is not None:
            marked.deprels = _merged(example.deprels, marks, names)
        return MarkedSentence(marked, positions)

    def _marks(self, marking: Marking) -> tuple["_Mark", "_Mark"]:
        start, last, label = marking
        opening, closing = self.subject if label is None else self.entities[label]
        layer = 0 if label is None else label + 1
        return (
            _Mark(start, True, start - last, layer, opening, start),
            _Mark(last + 1, False, last - start, -layer, closing, last),
        )


class _Mark(NamedTuple):
    """A marker, sorted by its first four fields: it is written before the token ``before`` and marks ``token``."""

    before: int
    opens: bool
    inward: int
    layer: int
    marker: str
    token: int


def _merged(items: list[T], marks: Sequence[_Mark], inserted: Sequence[T]) -> list[T]:
    """Merge the items of a sentence's tokens with those of the markers."""
    merged: list[T] = []
    done = 0
    for mark, item in zip(marks, inserted, strict=True):
        merged += items[done : mark.before]
        merged.append(item)
        done = mark.before
    return merged + items[done:]


class EarlyFusion(Fusion):
    """Mark entities and subjects in the text, and encode it anew for each subject; markers themselves are not scored.

    Without ``mark_entities`` only subjects are marked. The marked sentences of a batch are encoded together, those of
    like length side by side, at most ``max_tokens`` tokens at a time.
    """

    def __init__(self, task_features: TaskFeatures, types: Sequence[str], mark_entities: bool, max_tokens: int) -> None:
        super().__init__(task_features)
        require_sizes(max_tokens=max_tokens)
        self.mark_entities = mark_entities
        self.text_markers = TextMarkers(types if mark_entities else [])
        self.markers = self.text_markers.tokens
        self.loader = DataLoader(batch_size=max_tokens, max_tokens=max_tokens)

    def subject_object_features(
        self, plain: PlainSentences, entities: Spans, rows: Tensor, subjects: Spans
    ) -> tuple[Tensor, Tensor]:
        """Compute the subject features of sentences with marked entities, the object features with the subject too."""
        markings: list[list[Marking]] = [[] for _ in plain.batch.examples]
        if self.mark_entities:
            for row, label, start, last in entities.as_tensor().tolist():
                markings[row].append(Marking(start, last, label))

        def mark(row: int, *subject: Marking) -> MarkedSentence:
            return self.text_markers.insert(plain.batch.examples[row], [*markings[row], *subject])

        marked = [mark(row) for row in rows.tolist()] if self.mark_entities else []
        marked += [mark(row, Marking(start, last, None)) for row, _, start, last, _ in subjects.items()]
        encoded = self._encode(plain, marked)
        for_subjects = encoded[: len(rows)] if self.mark_entities else plain.encoded[rows]
        for_objects = encoded[len(encoded) - len(subjects) :]
        return self.task_features.of(for_subjects, "subject"), self.task_features.of(for_objects, "object")

    def _encode(self, plain: PlainSentences, marked: Sequence[MarkedSentence]) -> Tensor:
        """Encode marked sentences, and keep their original tokens: -> [marked, length, size of the encoder]."""
        if not marked:
            return plain.encoded[:0]
        plan = self.loader.in_order(np.array([len(sentence.example) for sentence in marked]))
        encoded = torch.cat([self._encode_together(plain, [marked[i] for i in indices]) for indices in plan])
        return encoded[torch.from_numpy(np.concatenate(plan).argsort()).to(encoded.device)]

    def _encode_together(self, plain: PlainSentences, marked: Sequence[MarkedSentence]) -> Tensor:
        batch = plain.encode.batch_of([sentence.example for sentence in marked])
        positions = np.zeros((len(marked), plain.shape[1]), dtype=np.int64)
        for row, sentence in enumerate(marked):
            positions[row, : len(sentence.positions)] = sentence.positions
        rows = torch.arange(len(marked), device=batch.mask.device).unsqueeze(1)
        return plain.encode(batch)[rows, torch.from_numpy(positions).to(rows.device)]
