"""How the later tasks of the cascade read what earlier ones found (Cascade-SRN, Wang et al. 2022, section 3.4)."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.spans import Spans, labels_of_tokens, mean_of_endpoints
from relx.encoders.seq2seq.encoder import GlobalFeature, Seq2SeqEncoder, TaskFeatures
from relx.heads.head import PlainSentences
from relx.heads.schemes.marked_text import SUBJECT, MarkedReader, MarkedSentence, Marking, TextMarkers, typed_markers
from relx.utils.argument_checks import require_sizes

TaskContext = Literal["none", "global_feature", "lstm"]


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
        return self.task_features.select(plain.encoded, "entity")

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
        h_s = self.task_features.select(plain.encoded, "subject")  # [batch, length, subject]
        h_o = self.task_features.select(plain.encoded, "object")  # [batch, length, object]
        own = subjects.with_rows(torch.arange(len(subjects), device=subjects.label.device)).unlabeled()
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


class EarlyFusion(Fusion):
    """Mark entities and subjects in the text, and encode it again for each subject; markers themselves are not scored.

    Without ``mark_entities`` only subjects are marked. The marked sentences of a batch are encoded together, those of
    like length side by side, at most ``max_tokens`` tokens at a time.
    """

    def __init__(self, task_features: TaskFeatures, types: Sequence[str], mark_entities: bool, max_tokens: int) -> None:
        super().__init__(task_features)
        self.mark_entities = mark_entities
        self.text_markers = TextMarkers([SUBJECT, *typed_markers("e", types if mark_entities else [])])
        self.markers = self.text_markers.tokens
        self.reader = MarkedReader(max_tokens)

    def subject_object_features(
        self, plain: PlainSentences, entities: Spans, rows: Tensor, subjects: Spans
    ) -> tuple[Tensor, Tensor]:
        """Compute the subject features of sentences with marked entities, the object features with the subject too."""
        markings: list[list[Marking]] = [[] for _ in plain.batch.examples]
        if self.mark_entities:
            for row, label, start, last in entities.as_tensor().tolist():
                markings[row].append(Marking(start, last, 1 + label))

        def mark(row: int, *subject: Marking) -> MarkedSentence:
            return self.text_markers.insert(plain.batch.examples[row], [*markings[row], *subject])

        marked = [mark(row) for row in rows.tolist()] if self.mark_entities else []
        marked += [mark(row, Marking(start, last, 0)) for row, _, start, last, _ in subjects.items()]
        positions = np.zeros((len(marked), plain.shape[1]), dtype=np.int64)
        for row, sentence in enumerate(marked):
            positions[row, : len(sentence.positions)] = sentence.positions
        encoded = self.reader.read(plain, [sentence.example for sentence in marked], positions)
        for_subjects = encoded[: len(rows)] if self.mark_entities else plain.encoded[rows]
        for_objects = encoded[len(encoded) - len(subjects) :]
        return self.task_features.select(for_subjects, "subject"), self.task_features.select(for_objects, "object")
