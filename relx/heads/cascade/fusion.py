"""How later tasks of the cascade are told what earlier ones found (Cascade-SRN, Wang et al. 2022, section 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from relx.data.batch import Batch
from relx.data.loader import DataLoader
from relx.encoders.seq2seq.encoder import TaskFeatures
from relx.encoders.seq2seq.lstm import LSTMEncoder
from relx.heads.cascade.text_markers import MarkedText, Marking, TextMarkers
from relx.heads.head import Encode
from relx.heads.schemes.global_feature import GlobalFeature
from relx.heads.spans import Spans
from relx.heads.spans.spans import labels_of_tokens, mean_of_ends
from relx.utils.argument_checks import require_sizes

TaskContext = Literal["none", "global_feature", "lstm"]


@dataclass(frozen=True)
class Sentences:
    """A batch, what encodes it, and its plain sentences encoded: [batch, length, size of the encoder]."""

    batch: Batch
    encode: Encode
    encoded: Tensor

    @property
    def shape(self) -> torch.Size:
        """(batch, length)."""
        return self.batch.mask.shape


class Fusion(nn.Module):
    """Gives the three tasks their features of a sentence's tokens, of the ``sizes`` entity, subject and object.

    ``markers`` are the tokens that it sets among the words. ``shares_objects`` says whether the features of a token
    outside of the subject are the same for all subjects.
    """

    sizes: dict[str, int]
    markers: Sequence[str] = ()
    shares_objects = False

    def __init__(self, task_features: TaskFeatures) -> None:
        super().__init__()
        self.task_features = task_features
        self.sizes = {task: task_features.size(task) for task in ("entity", "subject", "object")}

    def first(self, sentences: Sentences) -> Tensor:
        """The features for entity extraction: [batch, length, entity]."""
        return self.task_features.of(sentences.encoded, "entity")

    def later(self, sentences: Sentences, entities: Spans, rows: Tensor, subjects: Spans) -> tuple[Tensor, Tensor]:
        """What follows the entities of all sentences of the batch.

        The features for subject extraction in the sentences ``rows``: [rows, length, subject]; and those for extracting
        the objects of each subject: [subjects, length, object].
        """
        raise NotImplementedError


class GlobalContext(nn.Module):
    """[x_t; g]: each vector with the global feature of its sentence beside it."""

    def __init__(self, input_dim: int, hidden_size: int) -> None:
        super().__init__()
        self.of_sentence = GlobalFeature(input_dim, hidden_size)
        self.output_dim = input_dim + hidden_size

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[rows, length, input_dim] -> [rows, length, output_dim]."""
        return torch.cat((inputs, self.of_sentence(inputs, mask)), dim=-1)


CONTEXTS = {"global_feature": GlobalContext, "lstm": LSTMEncoder}


class LateFusion(Fusion):
    """Sentences are encoded once. Embeddings of entity types and of the subject stand beside the features (Eq. 11).

    Without ``types`` the later tasks are not given the entities. With ``vectors`` the mean of the subject's first and
    last token stands beside every token too. As printed, an extractor reads each token by itself, so that the subject
    changes the scores of its own tokens only. ``task_context`` gives the subject task and the object task a model of
    their own over the vectors of Eq. 11, which carries the embeddings to the other tokens: PFN's global feature beside
    each vector, or a bidirectional LSTM in place of the vectors, of ``context_size`` features (in each direction).
    """

    def __init__(
        self,
        task_features: TaskFeatures,
        types: int | None,
        tag_dim: int,
        vectors: bool,
        task_context: TaskContext,
        context_size: int,
    ) -> None:
        super().__init__(task_features)
        require_sizes(tag_dim=tag_dim, context_size=context_size)
        self.types = nn.Embedding(types + 1, tag_dim) if types is not None else None
        self.subject = nn.Embedding(2, tag_dim)
        of_types = tag_dim if types is not None else 0
        self.sizes["subject"] += of_types
        self.vectors, self.shares_objects = vectors, task_context == "none" and not vectors
        self.sizes["object"] += of_types + tag_dim + (task_features.size("object") if vectors else 0)
        self.contexts: dict[str, GlobalContext | LSTMEncoder] = nn.ModuleDict()  # type: ignore[assignment]
        for task in ("subject", "object") if task_context != "none" else ():
            self.contexts[task] = CONTEXTS[task_context](self.sizes[task], context_size)
            self.sizes[task] = self.contexts[task].output_dim

    def later(self, sentences: Sentences, entities: Spans, rows: Tensor, subjects: Spans) -> tuple[Tensor, Tensor]:
        """Eq. 11, [e_e; h_s] and [e_e; h_o; e_s] (with ``vectors`` the subject's vector too), each in its context."""
        mask, types = sentences.batch.mask, self._types(sentences, entities)
        of_subjects = [*types, self.task_features.of(sentences.encoded, "subject")]
        view = self.task_features.of(sentences.encoded, "object")
        of_objects = [*(part[subjects.row] for part in (*types, view)), self._tags(subjects, sentences.shape[1])]
        if self.vectors:
            own = mean_of_ends(view, subjects).unsqueeze(1)
            of_objects.append(own.expand(-1, sentences.shape[1], -1))
        return (
            self._in_context("subject", torch.cat([part[rows] for part in of_subjects], dim=-1), mask[rows]),
            self._in_context("object", torch.cat(of_objects, dim=-1), mask[subjects.row]),
        )

    def _in_context(self, task: str, vectors: Tensor, mask: Tensor) -> Tensor:
        """What the task's extractor reads: [rows, length, d] -> [rows, length, size of the task]."""
        return self.contexts[task](vectors, mask) if task in self.contexts else vectors

    def _tags(self, subjects: Spans, length: int) -> Tensor:
        each = subjects.of_rows(torch.arange(len(subjects), device=subjects.row.device)).unlabelled()
        return self.subject(labels_of_tokens(each, torch.Size((len(subjects), length)), 1))

    def _types(self, sentences: Sentences, entities: Spans) -> list[Tensor]:
        if self.types is None:
            return []
        return [self.types(labels_of_tokens(entities, sentences.shape, self.types.num_embeddings - 1))]


class EarlyFusion(Fusion):
    """Entities and subjects are marked in the text, which is encoded anew for each; markers themselves are not scored.

    Unless ``told``, only subjects are marked. The marked sentences of a batch are encoded together, those of like
    length side by side, at most ``max_tokens`` at a time.
    """

    def __init__(self, task_features: TaskFeatures, types: Sequence[str], told: bool, max_tokens: int) -> None:
        super().__init__(task_features)
        require_sizes(max_tokens=max_tokens)
        self.text = TextMarkers(types if told else [])
        self.markers = self.text.tokens
        self.told = told
        self.loader = DataLoader(batch_size=max_tokens, max_tokens=max_tokens)

    def later(self, sentences: Sentences, entities: Spans, rows: Tensor, subjects: Spans) -> tuple[Tensor, Tensor]:
        """The subject view of sentences with their entities marked, the object view with the subject in addition."""
        examples, known = sentences.batch.examples, self._known(sentences, entities)

        def text(row: int, *subject: Marking) -> MarkedText:
            return self.text.insert(examples[row], [*known[row], *subject])

        given = zip(subjects.row.tolist(), subjects.start.tolist(), subjects.last.tolist(), strict=True)
        texts = [text(row) for row in rows.tolist()] if self.told else []
        texts += [text(row, Marking(start, last, None)) for row, start, last in given]
        read = self._read(sentences, texts)
        of_subjects = read[: len(rows)] if self.told else sentences.encoded[rows]
        of_objects = read[len(read) - len(subjects) :]
        return self.task_features.of(of_subjects, "subject"), self.task_features.of(of_objects, "object")

    def _known(self, sentences: Sentences, entities: Spans) -> list[list[Marking]]:
        """What is told of the entities of each sentence."""
        known: list[list[Marking]] = [[] for _ in sentences.batch.examples]
        if self.told:
            for row, label, start, last in entities.numbers.tolist():
                known[row].append(Marking(start, last, label))
        return known

    def _read(self, sentences: Sentences, texts: Sequence[MarkedText]) -> Tensor:
        """The original tokens of marked sentences as they are encoded now: [texts, length, size of the encoder]."""
        if not texts:
            return sentences.encoded[:0]
        plan = self.loader.in_order(np.array([len(text.example) for text in texts]))
        read = torch.cat([self._read_together(sentences, [texts[place] for place in places]) for places in plan])
        return read[torch.from_numpy(np.concatenate(plan).argsort()).to(read.device)]

    def _read_together(self, sentences: Sentences, texts: Sequence[MarkedText]) -> Tensor:
        batch = sentences.encode.batch_of([text.example for text in texts])
        places = np.zeros((len(texts), sentences.shape[1]), dtype=np.int64)
        for row, text in enumerate(texts):
            places[row, : len(text.places)] = text.places
        rows = torch.arange(len(texts), device=batch.mask.device).unsqueeze(1)
        return sentences.encode(batch)[rows, torch.from_numpy(places).to(rows.device)]
