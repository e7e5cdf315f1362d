"""The three tasks of Cascade-SRN (Wang et al. 2022, sections 3.4 and 3.5, appendix B), one subject at a time.

Spans are (start, last), entities a table from spans to types.
"""

from dataclasses import dataclass

import span_equations
import torch
from torch import Tensor

from relx.data.batch import TensorDataset
from relx.data.example import Example
from relx.heads.cascade.fusion import GlobalContext, LateFusion
from relx.heads.cascade.head import Cascade
from relx.model import JointExtractor

Span = tuple[int, int]


@dataclass
class Reader:
    """What a model says of the tokens of one sentence."""

    model: JointExtractor
    tokens: list[str]
    told: bool

    @property
    def head(self) -> Cascade:
        return self.model.head

    def encode(self, tokens: list[str]) -> Tensor:
        """[tokens, size of the encoder]."""
        batch = TensorDataset([Example(tokens)], self.model.index).batch([0])
        return self.model.encode(batch)[0, : len(tokens)]

    def view(self, encoded: Tensor, task: str) -> Tensor:
        return self.head.fusion.task_features.select(encoded, task)

    def entity(self) -> Tensor:
        return self.view(self.encode(self.tokens), "entity")

    def subject(self, entities: dict[Span, int]) -> Tensor:
        """h^_s of Eq. 11, or the subject view of text*."""
        known = entities if self.told else {}
        if not isinstance(self.head.fusion, LateFusion):
            return self.view(self._marked(known, None), "subject")
        h = self.view(self.encode(self.tokens), "subject")
        return self._in_context(torch.cat([*self._types(known), h], dim=1), "subject")

    def object(self, entities: dict[Span, int], subject: Span) -> Tensor:
        """h^_o of Eq. 11, or the object view of text**."""
        known = entities if self.told else {}
        if not isinstance(self.head.fusion, LateFusion):
            return self.view(self._marked(known, subject), "object")
        tags = torch.tensor([int(subject[0] <= i <= subject[1]) for i in range(len(self.tokens))])
        e_s = self.head.fusion.subject.weight[tags]
        h = self.view(self.encode(self.tokens), "object")
        v = [((h[subject[0]] + h[subject[1]]) / 2).repeat(len(h), 1)] if self.head.fusion.subject_vectors else []
        return self._in_context(torch.cat([*self._types(known), h, e_s, *v], dim=1), "object")

    def _in_context(self, h: Tensor, task: str) -> Tensor:
        """The task model over the vectors of Eq. 11: [h_i; max_j tanh(W h_j + b)], or the states of a BiLSTM."""
        if task not in self.head.fusion.contexts:
            return h
        context = self.head.fusion.contexts[task]
        if isinstance(context, GlobalContext):
            w, b = context.of_sentence.linear.weight, context.of_sentence.linear.bias
            g = torch.stack([torch.tanh(w @ h_i + b) for h_i in h]).max(dim=0).values
            return torch.stack([torch.cat((h_i, g)) for h_i in h])
        (ahead,), (back,) = context.forwards, context.backwards
        return torch.cat((_states(ahead, h), _states(back, h.flip(0)).flip(0)), dim=1)

    def _types(self, entities: dict[Span, int]) -> list[Tensor]:
        """e_e: the row of the longest entity over a token, row 0 outside."""
        if not self.told:
            return []
        rows = [0] * len(self.tokens)
        for (start, last), label in sorted(entities.items(), key=lambda item: (item[0][1] - item[0][0], item[1])):
            rows[start : last + 1] = [label + 1] * (last + 1 - start)
        return [self.head.fusion.types.weight[rows]]

    def _marked(self, entities: dict[Span, int], subject: Span | None) -> Tensor:
        """The original tokens of the marked text. Built from the inside: the shortest span is marked first."""
        names = self.head.types.names
        spans = [(last - start, start, last, f"e:{names[label]}") for (start, last), label in entities.items()]
        spans += [(subject[1] - subject[0], *subject, "S")] if subject is not None else []
        before: list[list[str]] = [[] for _ in self.tokens]
        after: list[list[str]] = [[] for _ in self.tokens]
        for _, start, last, name in sorted(spans, key=lambda span: (span[0], span[3] == "S")):
            before[start].insert(0, f"[{name}:S]")
            after[last].append(f"[{name}:E]")
        text, places = [], []
        for opening, token, closing in zip(before, self.tokens, after, strict=True):
            places.append(len(text) + len(opening))
            text += [*opening, token, *closing]
        return self.encode(text)[places]


def _states(lstm: torch.nn.LSTM, inputs: Tensor) -> Tensor:
    """Hochreiter & Schmidhuber (1997), one token after the other: [length, size]."""
    h = c = inputs.new_zeros(lstm.hidden_size)
    states = []
    for x in inputs:
        sums = lstm.weight_ih_l0 @ x + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
        i, f, g, o = sums.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


def loss(reader: Reader, entities: dict[Span, int], triples: set[tuple[Span, int, Span]], tried: list[Span]) -> Tensor:
    """L = L_e + L_s + L_o of Eq. 15."""
    head, none = reader.head, torch.zeros((), dtype=torch.float64)
    gold = {(label, *span) for span, label in entities.items()}
    total = none + span_equations.loss(reader.entity(), gold, head.entity)
    if not entities or not head.joint:
        return total
    subjects = {(0, *subject) for subject, _, _ in triples}
    total = total + span_equations.loss(reader.subject(entities), subjects, head.subject)
    for subject in tried:
        objects = {(relation, *obj) for of, relation, obj in triples if of == subject}
        total = total + span_equations.loss(reader.object(entities, subject), objects, head.object)
    return total


def extract(reader: Reader) -> tuple[dict[Span, tuple[int, float]], dict[tuple[Span, int, Span], float]]:
    """The inference of appendix B: entities with type and score, triples with their scores."""
    head = reader.head
    entities: dict[Span, tuple[int, float]] = {}
    for (label, *span), score in span_equations.found(reader.entity(), head.entity).items():
        if tuple(span) not in entities or score > entities[tuple(span)][1]:
            entities[tuple(span)] = (label, score)
    triples: dict[tuple[Span, int, Span], float] = {}
    if not entities or not head.joint:
        return entities, triples
    types = {span: label for span, (label, _) in entities.items()}
    for (_, *subject), certainty in span_equations.found(reader.subject(types), head.subject).items():
        if tuple(subject) in entities:
            of_subject = reader.object(types, tuple(subject))
            for (relation, *obj), score in span_equations.found(of_subject, head.object).items():
                if tuple(obj) in entities and (obj != subject or head.scheme.allow_self):
                    triples[tuple(subject), relation, tuple(obj)] = certainty * score
    return entities, triples
