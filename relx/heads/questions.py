"""Multi-turn QA: entities and relations as answers to questions about a sentence (Li et al. 2019, ACL)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import reduce
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relx.data.batch import Batch
from relx.data.example import Entity, Example, Relation
from relx.data.spans import Spans, best_labels, find, search
from relx.data.vocabulary import ENTITY_TYPES, RELATIONS, EntityTypes, Vocabulary
from relx.heads.head import Encode, Given, Head, HeadOutput, PlainSentences, Targets
from relx.heads.schemes.descriptions import descriptions_of, escaped, filled, label_words, tokens_of, with_described
from relx.heads.schemes.marked_text import SUBJECT, MarkedReader, MarkedSentence, Marking, TextMarkers
from relx.heads.schemes.tags import OUTSIDE, TagScheme, gold_logits, spans_of_tags, tags_of_spans
from relx.heads.schemes.triples import (
    SpanTripleDecoder,
    SpanTriples,
    SpanTripleTargets,
    given_spans,
    keep_triples,
    overlaps_longer,
)
from relx.registry import Injected
from relx.utils.argument_checks import require_shares, require_sizes
from relx.utils.counting import drawn, mean_of_rows

NOT_ASKED = "training shows no head of this type in this relation, so it is not asked of it"
OVERLAPPING = "tail overlaps a longer answer to the same question"

QUESTION = "[Q]"
PLACEHOLDERS = ("head", "type")
ANSWER = "answer"
# So many questions are answered at a time in prediction.
QUESTIONS_AT_ONCE = 2**8


@Head.register("questions")
class Questions(Head):
    """Ask which tokens are entities of a type, and then which entities are in a relation with an entity found.

    The encoder reads the question, a marker [Q] and the sentence. In the second turn the sentence has markers around
    the head of the relation. One linear layer tags the tokens of all answers as B, I, E, S and O; [Q] has the tag S if
    there is no answer, else O. An answer of the second turn counts if it is an entity of the first. The loss is theta
    L1 + (1 - theta) L2, each the mean over the questions of a turn. docs/systems/questions.md lists what was checked.

    Args:
        input_dim: Size of the encoded tokens.
        vocabulary: Gives the entity types, the relation types, and the types of their heads.
        entities: The question of each entity type, by default one with the words of its name.
        relations: The question of each relation, with {head} in place of the entity and {type} in place of its type, by
            default one with the words of its name.
        theta: The weight of the first turn's loss.
        negatives: How many questions of the second turn without an answer are drawn from each sentence in training;
            null learns all of them.
        dropout: Dropout on the vectors of the tokens.
        max_tokens: How many tokens of questions and sentences are encoded at a time.
    """

    markers = (QUESTION, *SUBJECT)
    described = (RELATIONS, ENTITY_TYPES)

    def __init__(
        self,
        input_dim: Injected[int],
        vocabulary: Injected[Vocabulary],
        entities: dict[str, str] | None = None,
        relations: dict[str, str] | None = None,
        theta: float = 0.25,
        negatives: int | None = None,
        dropout: float = 0.1,
        max_tokens: int = 2048,
    ) -> None:
        super().__init__()
        require_shares(theta=theta, dropout=dropout)
        require_sizes(negatives=negatives)
        self.types, self.relations = EntityTypes(vocabulary), vocabulary.relations()
        self.theta, self.negatives = theta, negatives
        shown = zip(self.types.names, self.types.predicted, strict=True)
        words = {name: "" if type is None else label_words(name) for name, type in shown}
        self.type_words = list(map(tokens_of, words.values()))
        self.of_types = descriptions_of(
            words, entities, "entities", lambda name: f"find all {escaped(words[name])} entities in the context"
        )
        self.of_relations = descriptions_of(self.relations, relations, "relations", _of_relation, PLACEHOLDERS)
        self.words = self._own_words()
        self.asked = self._signatures(vocabulary)  # [types, relations]
        self.scheme = SpanTripleTargets(self.relations, self.types.label, False, _overlaps)
        self.decoder = SpanTripleDecoder(self.relations, self.types.predicted)
        self.subjects, self.reader = TextMarkers([SUBJECT]), MarkedReader(max_tokens)
        self.tags: TagScheme[str] = TagScheme([ANSWER], "BIES")
        self.tag = nn.Sequential(nn.Dropout(dropout), nn.Linear(input_dim, self.tags.size))

    def with_relations(self, descriptions: Mapping[str, str]) -> "Questions":
        """Return this head, with the same weights, such that it also asks these questions, of heads of every type."""
        more = copy(self)
        more.relations = with_described(self.relations, descriptions, PLACEHOLDERS)
        more.of_relations = [*self.of_relations, *descriptions.values()]
        more.asked = np.pad(self.asked, ((0, 0), (0, len(descriptions))), constant_values=True)
        more.decoder = SpanTripleDecoder(more.relations, self.types.predicted)
        return more

    def targets(self, example: Example) -> Targets:
        """Write ``entity_spans`` and ``triples`` (``SpanTripleTargets``), as far as questions have them as answers."""
        written = self.scheme.write(example)
        spans, triples = (written.arrays[name].tolist() for name in ("entity_spans", "triples"))
        is_asked = [bool(self.asked[spans[head][0] - 1, relation - 1]) for relation, head, _ in triples]
        written = keep_triples(example, written, is_asked, self.relations, NOT_ASKED)
        return keep_triples(example, written, _apart(written), self.relations, OVERLAPPING)

    def forward(self, batch: Batch, encode: Encode) -> HeadOutput:
        """Answer the questions about entities, and those about relations of the gold entities.

        ``entities`` [batch * types, 1 + length, tags], ``relations`` [questions, 1 + length, tags], of [Q] and of the
        sentence, and the indices ``mention`` and ``relation`` of the questions of the second turn.
        """
        plain, gold = PlainSentences(batch, encode), SpanTriples.gold(batch)
        mention, relation = self._second_turn(gold.entities)
        if self.training and self.negatives is not None:
            answered = torch.zeros_like(mention, dtype=torch.bool)
            question, known = self._question_of(gold, mention, relation)
            answered[question[known]] = True
            chosen = drawn(gold.entities.batch_index[mention], answered, self.negatives)
            mention, relation = mention[chosen], relation[chosen]
        return {
            "entities": self._logits(plain, list(self._about_entities(plain))),
            "relations": self._logits(plain, list(self._about_relations(plain, gold.entities, mention, relation))),
            "mention": mention,
            "relation": relation,
        }

    def loss(self, output: HeadOutput, batch: Batch) -> Tensor:
        """Compute theta L1 + (1 - theta) L2, averaged over sentences.

        The loss of a turn is the mean over its questions; that of a question is the sum over [Q] and the tokens.
        """
        gold, mention, relation = SpanTriples.gold(batch), output["mention"], output["relation"]
        first = self._turn_loss(output["entities"], self._entity_tags(gold, batch), self._rows(batch), batch)
        tags = self._relation_tags(gold, mention, relation, batch)
        second = self._turn_loss(output["relations"], tags, gold.entities.batch_index[mention], batch)
        return (self.theta * first + (1 - self.theta) * second) / len(batch)

    def extract(self, batch: Batch, encode: Encode) -> list[Example]:
        """Ask for the entities of each type, then for the relations of each entity found."""
        plain = PlainSentences(batch, encode)
        found = self._answered(plain, self._about_entities(plain), self._rows(batch))
        entities = self._entities(found, plain.shape[1])
        return self.decoder.decode(self._relate(plain, entities), batch.examples)

    def relations_between(self, batch: Batch, encode: Encode, entities: Given) -> list[list[Relation]]:
        """Ask for the relations of each given entity. An answer counts if it is a given entity."""
        given = given_spans(entities, batch, self.types.given_labels(entities))
        return self._relate(PlainSentences(batch, encode), given).between(entities, self.relations)

    def fault_of_given(self, entity: Entity) -> str | None:
        """Return what is wrong with a type of which nothing is asked."""
        return self.types.fault_of_given(entity)

    def oracle(self, batch: Batch) -> list[Example]:
        """Read the gold answers."""
        gold, size = SpanTriples.gold(batch), self.tags.size
        mention, relation = self._second_turn(gold.entities)
        first = self._read(gold_logits(self._entity_tags(gold, batch), size), self._rows(batch), batch)
        entities = self._entities(first, batch.mask.shape[1])
        tags = self._relation_tags(gold, mention, relation, batch)
        answers = self._read(gold_logits(tags, size), gold.entities.batch_index[mention], batch)
        return self.decoder.decode(
            self._triples(entities, answers, mention, relation, batch.mask.shape[1]), batch.examples
        )

    # Questions

    def _own_words(self) -> list[str]:
        blank: dict[str, list[str]] = {name: [] for name in PLACEHOLDERS}
        texts = [*(filled(text, {}) for text in self.of_types), *(filled(text, blank) for text in self.of_relations)]
        return [word for text in [*texts, *self.type_words] for word in text]

    def _signatures(self, vocabulary: Vocabulary) -> np.ndarray:
        """Find the relations that training shows with heads of each type: [types, relations]."""
        known = vocabulary.fact("asked_relations", lambda: sorted(self._signatures_of(vocabulary.examples or ())))
        asked = np.zeros((len(self.types.names), len(self.relations)), dtype=bool)
        for head, relation in known:
            asked[self.types.names.get(head), self.relations.get(relation)] = True
        return asked

    def _signatures_of(self, examples: Iterable[Example]) -> set[tuple[str, str]]:
        found = {(self.types.type_of(r.head, e), r.type) for e in examples for r in e.relations}
        return {(head, relation) for head, relation in found if head in self.types.names}

    def _about_entities(self, plain: PlainSentences) -> Iterable[MarkedSentence]:
        """Ask for the entities of each type, sentence by sentence."""
        questions = [filled(text, {}) for text in self.of_types]
        for example in plain.batch.examples:
            sentence = self.subjects.insert(example, ())
            yield from (_asked(sentence, question) for question in questions)

    def _rows(self, batch: Batch) -> Tensor:
        """Return the sentence of each question of the first turn: [batch * types]."""
        return torch.arange(len(batch), device=batch.mask.device).repeat_interleave(len(self.types.names))

    def _second_turn(self, entities: Spans) -> tuple[Tensor, Tensor]:
        """List the questions of the second turn: indices of entities, in order, and of the relations asked of each."""
        table = torch.from_numpy(self.asked).to(entities.label.device)
        mention, relation = table[entities.label].nonzero(as_tuple=True)
        return mention, relation

    def _about_relations(
        self, plain: PlainSentences, entities: Spans, mention: Tensor, relation: Tensor
    ) -> Iterable[MarkedSentence]:
        """Ask for these relations of entities, which are marked."""
        spans = entities.as_tensor().tolist()
        for index, asked_for in zip(mention.tolist(), relation.tolist(), strict=True):
            row, label, start, last = spans[index]
            example = plain.batch.examples[row]
            values = {"head": example.tokens[start : last + 1], "type": self.type_words[label]}
            sentence = self.subjects.insert(example, [Marking(start, last, 0)])
            yield _asked(sentence, filled(self.of_relations[asked_for], values))

    # Answers

    def _logits(self, plain: PlainSentences, made: Sequence[MarkedSentence]) -> Tensor:
        """Score the tags of [Q] and of the sentence's tokens: -> [made, 1 + length, tags]."""
        positions = np.zeros((len(made), 1 + plain.shape[1]), dtype=np.int64)
        for row, sentence in enumerate(made):
            positions[row, 0] = sentence.opens[0]
            positions[row, 1 : 1 + len(sentence.positions)] = sentence.positions
        return self.tag(self.reader.read(plain, [sentence.example for sentence in made], positions))

    def _answered(self, plain: PlainSentences, made: Iterable[MarkedSentence], row: Tensor) -> Spans:
        """Answer questions about the sentences ``row``: spans whose batch index is that of the question."""
        questions, found = iter(made), []
        for some in torch.arange(len(row), device=row.device).split(QUESTIONS_AT_ONCE):
            answers = self._read(self._logits(plain, list(islice(questions, len(some)))), row[some], plain.batch)
            found.append(answers.with_rows(some[answers.batch_index]))
        return reduce(Spans.joined, found)

    def _read(self, logits: Tensor, row: Tensor, batch: Batch) -> Spans:
        """Read the answers that the best tags spell, none where [Q] says so."""
        answers = spans_of_tags(self.tags, logits[:, 1:], batch.mask[row])
        answered = logits[:, 0].argmax(dim=-1) != self._no_answer
        return answers.select(answered[answers.batch_index])

    def _entities(self, answers: Spans, length: int) -> Spans:
        """Make entities of the answers of the first turn; of several with equal tokens the best."""
        types = max(1, len(self.types.names))
        row = answers.batch_index.div(types, rounding_mode="floor")
        return best_labels(replace(answers, batch_index=row, label=answers.batch_index % types), length)

    def _triples(self, entities: Spans, answers: Spans, mention: Tensor, relation: Tensor, length: int) -> SpanTriples:
        """Make triples of the answers of the second turn that are other entities."""
        head = mention[answers.batch_index]
        tail, known = find(answers.with_rows(entities.batch_index[head]), entities, length)
        kept = known & (tail != head)
        relation = relation[answers.batch_index]
        return SpanTriples(entities, relation[kept], head[kept], tail[kept], answers.score[kept])

    def _relate(self, plain: PlainSentences, entities: Spans) -> SpanTriples:
        mention, relation = self._second_turn(entities)
        made = self._about_relations(plain, entities, mention, relation)
        answers = self._answered(plain, made, entities.batch_index[mention])
        return self._triples(entities, answers, mention, relation, plain.shape[1])

    # Gold answers

    @property
    def _no_answer(self) -> int:
        return int(self.tags.span(1, ANSWER)[0])

    def _gold_tags(self, questions: int, answers: Spans, batch: Batch) -> Tensor:
        """Tag the answers, whose batch index is that of the question: -> [questions, 1 + length]."""
        tags = tags_of_spans(self.tags, answers.unlabeled(), torch.Size((questions, batch.mask.shape[1])))
        answered = torch.isin(torch.arange(questions, device=tags.device), answers.batch_index)
        return torch.cat((torch.where(answered, OUTSIDE, self._no_answer).unsqueeze(1), tags), dim=1)

    def _entity_tags(self, gold: SpanTriples, batch: Batch) -> Tensor:
        types = len(self.types.names)
        question = gold.entities.batch_index * types + gold.entities.label
        return self._gold_tags(len(batch) * types, gold.entities.with_rows(question), batch)

    def _relation_tags(self, gold: SpanTriples, mention: Tensor, relation: Tensor, batch: Batch) -> Tensor:
        question, known = self._question_of(gold, mention, relation)
        tails = gold.entities.select(gold.tail).with_rows(question)
        return self._gold_tags(len(mention), tails.select(known), batch)

    def _question_of(self, gold: SpanTriples, mention: Tensor, relation: Tensor) -> tuple[Tensor, Tensor]:
        """Find the question whose answer is the tail of each triple, and whether it is among these questions."""
        relations = len(self.relations)
        return search(mention * relations + relation, gold.head * relations + gold.relation)

    def _turn_loss(self, logits: Tensor, tags: Tensor, row: Tensor, batch: Batch) -> Tensor:
        mask = F.pad(batch.mask[row], (1, 0), value=True)
        losses = F.cross_entropy(logits.transpose(1, 2), tags, reduction="none") * mask
        return mean_of_rows(losses.sum(dim=1), row)


def _asked(sentence: MarkedSentence, question: Sequence[str]) -> MarkedSentence:
    """Write a question, and [Q] to end it, before a sentence; the first of ``opens`` is the place of [Q].

    The tag of each word of the question is [Q]. In a tree [Q] governs the question.
    """
    before, example = [*question, QUESTION], sentence.example
    made = Example(before + example.tokens, id=example.id, context=example.context)
    if example.pos_tags is not None:
        made.pos_tags = [QUESTION] * len(before) + example.pos_tags
    if example.dependency_heads is not None:
        moved = [head and head + len(before) for head in example.dependency_heads]
        made.dependency_heads = [len(before)] * len(question) + [0] + moved
    if example.deprels is not None:
        made.deprels = [QUESTION] * len(before) + example.deprels
    opens = np.concatenate(([len(question)], sentence.opens + len(before)))
    return MarkedSentence(made, sentence.positions + len(before), opens)


def _of_relation(label: str) -> str:
    words = escaped(label_words(label))
    return f"find all entities in the context that have a {words} relationship with {{type}} entity {{head}}"


def _overlaps(entity: Entity, example: Example) -> str | None:
    """Return the fault of an entity that overlaps a longer one of its type."""
    return overlaps_longer(entity, Example(example.tokens, [e for e in example.entities if e.type == entity.type]))


def _apart(written: Targets) -> list[bool]:
    """Find the triples that are held where overlapping answers to a question are not: of these the longest is."""
    spans, triples = (written.arrays[name].tolist() for name in ("entity_spans", "triples"))
    answers: dict[tuple[int, int], Example] = defaultdict(lambda: Example([]))
    tails = [Entity(spans[tail][1], spans[tail][2] + 1) for _, _, tail in triples]
    questions = [(relation, head) for relation, head, _ in triples]
    for question, tail in zip(questions, tails, strict=True):
        answers[question].entities.append(tail)
    return [overlaps_longer(tail, answers[question]) is None for question, tail in zip(questions, tails, strict=True)]
