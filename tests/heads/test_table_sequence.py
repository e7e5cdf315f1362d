from typing import Any

import pytest
import torch
from batches import labeled
from padding import assert_every_parameter_learns, assert_same_gradients
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
from relx.heads.schemes.mention_pairs import SHARED_PAIR
from relx.heads.schemes.triples import OVERLAPS, SpanTriples
from relx.heads.table_sequence import MDGRU, Diagonals, TableGuidedAttention, TableSequence, both_directions
from relx.model import Encoding, JointExtractor
from relx.registry import Lazy

H, HEADS = 4, 2
A, B, C = Entity(0, 2, "PER"), Entity(3, 4, "LOC"), Entity(4, 6, "ORG")
EXAMPLES = [
    Example(list("abcdea"), [A, B, C], [Relation(A, "in", B), Relation(C, "at", A)]),
    Example(["a"], [Entity(0, 1, "PER")], []),
    Example([], [], []),
    Example(list("edcb"), [A, B], [Relation(B, "at", A)]),
]


def make(examples: list[Example] = EXAMPLES, **arguments: Any) -> JointExtractor:
    torch.manual_seed(1)
    head = Lazy(TableSequence, **{"hidden_size": H, "layers": 2, "attention_heads": HEADS, "dropout": 0.0, **arguments})
    model = JointExtractor(Vocabulary(examples), Lazy(WordEmbedder, dim=5), head, Lazy(LSTMEncoder, hidden_size=3))
    for parameter in model.double().parameters():
        parameter.data = torch.randn_like(parameter) * 0.7
    return model


def gru(cell: Any, x: Tensor, before: list[Tensor]) -> Tensor:
    """MD-GRU: gates r, z and lambda, the candidate, and the mixture of the states before."""
    size, s = len(before[0]), torch.cat(before)
    W, b = cell.from_input.weight, cell.from_input.bias
    U, c = cell.from_states.weight, cell.from_states.bias
    blocks = [slice(k * size, (k + 1) * size) for k in range(len(W) // size)]
    r, z, *lambdas = [W[k] @ x + b[k] + U[k] @ s + c[k] for k in blocks[:-1]]
    new = torch.tanh(W[blocks[-1]] @ x + b[blocks[-1]] + torch.sigmoid(r) * (U[blocks[-1]] @ s + c[blocks[-1]]))
    total = sum(torch.exp(gate) for gate in lambdas)
    mixed = sum(torch.exp(gate) / total * state for gate, state in zip(lambdas, before, strict=True))
    z = torch.sigmoid(z)
    return z * new + (1 - z) * mixed


def table(layer: Any, s: list[Tensor], below: dict | None) -> dict:
    """T of a layer: both directions, each from the neighbors behind it and from the layer below."""
    n, T, W = len(s), {}, torch.cat((layer.row.weight, layer.column.weight), dim=1)
    X = {(i, j): torch.relu(W @ torch.cat((s[i], s[j])) + layer.row.bias) for i in range(n) for j in range(n)}
    zero = torch.zeros(H // 2, dtype=torch.float64)
    for part, (cell, step) in enumerate(zip(layer.table.cells, (1, -1), strict=True)):
        for i in sorted(range(n), reverse=step < 0):
            for j in sorted(range(n), reverse=step < 0):
                before = [T.get((i - step, j, part), zero), T.get((i, j - step, part), zero)]
                before += [below[i, j][part * H // 2 : (part + 1) * H // 2]] if below else []
                T[i, j, part] = gru(cell, X[i, j], before)
    return {cell: torch.cat((T[(*cell, 0)], T[(*cell, 1)])) for cell in X}


def sequence(encoder: TableGuidedAttention, s: list[Tensor], T: dict) -> list[Tensor]:
    """S of a layer: attention whose logits are linear in T, residuals, and a network of two layers."""
    found = []
    for i in range(len(s)):
        logits = torch.stack([encoder.logits.weight @ T[i, j] for j in range(len(s))])  # [n, heads]
        weights = logits.softmax(0)
        size, read = H // HEADS, []
        for k in range(HEADS):
            values = [(encoder.values.weight @ x + encoder.values.bias)[k * size : (k + 1) * size] for x in s]
            read.append(sum(w * v for w, v in zip(weights[:, k], values, strict=True)))
        o = torch.relu(encoder.joined.weight @ torch.cat(read) + encoder.joined.bias)
        x = encoder.norm(s[i] + o)
        inner, _, _, outer = encoder.feed_forward
        found.append(encoder.last_norm(x + outer.weight @ torch.relu(inner.weight @ x + inner.bias) + outer.bias))
    return found


def encoded(model: JointExtractor, example: Example) -> tuple[list[Tensor], dict]:
    """S and T of the last layer."""
    head = model.head
    x = model.encode(TensorDataset([example], model.index).batch([0]))[0, : len(example)]
    s, T = [head.reduced.weight @ token + head.reduced.bias for token in x], None
    for layer in head.layers:
        T = table(layer, s, T)
        s = sequence(layer.sequence, s, T)
    return s, T or {}


def probabilities(model: JointExtractor, example: Example) -> tuple[list[Tensor], dict]:
    """Softmax of the tags (O, B, I of each type) and of the cells (none, forward, backward)."""
    s, T = encoded(model, example)
    tags, cells = model.head.entity, model.head.relation
    return (
        [torch.softmax(tags.weight @ x + tags.bias, 0) for x in s],
        {cell: torch.softmax(cells.weight @ t + cells.bias, 0) for cell, t in T.items()},
    )


def literal_loss(model: JointExtractor, example: Example) -> Tensor:
    tags, cells = probabilities(model, example)
    types, relations = model.head.types.names, model.head.pairs.relations
    total = torch.zeros((), dtype=torch.float64)
    for i, p in enumerate(tags):
        label = 0
        for e in example.entities:
            if e.start <= i < e.end:
                label = 1 + 2 * types.get(e.type) + (i > e.start)
        total = total - torch.log(p[label])
    for (i, j), p in cells.items():
        label = 0
        for r in example.relations:
            if i in range(*r.head.span) and j in range(*r.tail.span):
                label = 1 + relations.get(r.type)
            if j in range(*r.head.span) and i in range(*r.tail.span):
                label = 1 + len(relations) + relations.get(r.type)
        total = total - torch.log(p[label])
    return total


def test_the_loss_equals_the_equations_outputs_and_gradients() -> None:
    model = make()
    expected = torch.stack([literal_loss(model, example) for example in EXAMPLES]).mean()
    assert_same_gradients(model(labeled(model, EXAMPLES)), expected, model, rtol=1e-11, atol=1e-9)
    assert_every_parameter_learns(model.head, model(labeled(model, EXAMPLES)))


def read_spans(tags: list[Tensor], types: Any) -> dict[tuple[int, int], tuple[str, float]]:
    """The spans that the best BIO tags spell, with the mean probability of their tags."""
    best, found, start = [int(p.argmax()) for p in tags] + [0], {}, None
    for i, tag in enumerate(best):
        inside = start is not None and tag == best[start] + 1
        if start is not None and not inside:
            score = sum(tags[k][best[k]].item() for k in range(start, i)) / (i - start)
            found[start, i] = (types[(best[start] - 1) // 2], score)
        start = start if inside else i if tag % 2 else None
    return found


def test_what_is_extracted_equals_the_equations() -> None:
    """For each ordered pair of mentions the sum of its forward and backward blocks, argmax (the public code)."""
    model, count = make(), 0
    optimizer, batch = torch.optim.Adam(model.parameters(), lr=0.05), labeled(model, EXAMPLES)
    for _ in range(60):
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()
    names = model.head.pairs.relations
    for words in ("abcdea", "edcb", "abcdeaedcb", "bacdea", ""):
        example = Example(list(words))
        tags, cells = probabilities(model, example)
        mentions, expected = read_spans(tags, model.head.types.names), {}
        for one in mentions:
            for other in mentions:
                if one == other:
                    continue
                blocks = [(i, j) for i in range(*one) for j in range(*other)]
                there, back = sum(cells[i, j] for i, j in blocks), sum(cells[j, i] for i, j in blocks)
                scores = [there[1 + k] + back[1 + len(names) + k] for k in range(len(names))]
                best = max(range(len(names)), key=lambda k, scores=scores: scores[k].item())
                if scores[best] > there.sum() + back.sum() - sum(scores):
                    expected[one, names[best], other] = scores[best].item() / (2 * len(blocks))
        (predicted,) = model.extract([example], DataLoader())
        assert {e.span: (e.type, pytest.approx(e.score)) for e in predicted.entities} == mentions
        assert {(r.head.span, r.type, r.tail.span): r.score for r in predicted.relations} == pytest.approx(expected)
        count += len(expected)
    assert count > 2


def inputs(n: int, first: bool, *, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor | None, Tensor]:
    """X, T of the layer below, and which cells are real. Padding holds numbers too."""
    generator = torch.Generator().manual_seed(3)
    X, below = (torch.randn(len(lengths), n, n, H, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = torch.arange(n) < torch.tensor(lengths).unsqueeze(1)
    return X, None if first else below, (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(-1).double()


def fast(mdgru: MDGRU, X: Tensor, below: Tensor | None, real: Tensor) -> Tensor:
    diagonals = Diagonals(X.shape[1], X.device)
    lower = None
    if below is not None:
        one, other = diagonals.cells(below).chunk(2, dim=-1)
        lower = torch.stack((one, other.flip(0)))
    states = mdgru(diagonals.cells(X), lower, diagonals.cells(real), diagonals)
    return diagonals.table(both_directions(states))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_anti_diagonals_equal_the_equations_values_and_gradients(n: int, first: bool) -> None:
    torch.manual_seed(2)
    mdgru = MDGRU(H, H, first).double()
    X, below, real = inputs(n, first, lengths=(n, max(1, n - 2), 0))
    X.requires_grad_()
    ours, literal = (call(X, below, real) for call in (lambda *a: fast(mdgru, *a), mdgru.reference))
    torch.testing.assert_close(ours, literal, rtol=0, atol=1e-12)
    weights = torch.randn_like(ours)
    wanted = [X, *mdgru.parameters()]
    found = [torch.autograd.grad((T * weights).sum(), wanted) for T in (ours, literal)]
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-11)


def test_one_half_reads_what_is_above_and_left_the_other_what_is_below_and_right() -> None:
    """Two of four directions, as in the public code: from the first cell to the last one, and back."""
    torch.manual_seed(2)
    X, _, real = inputs(4, True, lengths=(4,))
    X.requires_grad_()
    T = MDGRU(H, H, True).double().reference(X, None, real)
    for part, reads in (
        (slice(0, H // 2), lambda i, j: i <= 1 and j <= 2),
        (slice(H // 2, H), lambda i, j: i >= 1 and j >= 2),
    ):
        (gradient,) = torch.autograd.grad(T[0, 1, 2, part].sum(), X, retain_graph=True)
        seen = {tuple(cell) for cell in gradient[0].abs().sum(-1).nonzero().tolist()}
        assert seen == {(i, j) for i in range(4) for j in range(4) if reads(i, j)}


def test_padding_changes_no_cell() -> None:
    torch.manual_seed(2)
    mdgru = MDGRU(H, H, True).double()
    X, _, real = inputs(5, True, lengths=(3,))
    T = fast(mdgru, X, None, real)
    alone = fast(mdgru, X[:, :3, :3], None, real[:, :3, :3])
    torch.testing.assert_close(T[:, :3, :3], alone, rtol=0, atol=1e-12)
    assert (T * (1 - real)).abs().sum() == 0


def test_attention_over_the_sequence_depends_on_the_table_alone() -> None:
    """There are no queries and keys: words change what is read, not from where."""
    torch.manual_seed(2)
    encoder = TableGuidedAttention(H, HEADS, 0.0).double()
    logits, mask = torch.randn(1, 3, 3, HEADS).double(), torch.tensor([[True, True, False]])
    S = torch.randn(1, 3, H, dtype=torch.float64, requires_grad=True)
    found = encoder(S, logits, mask)[0, 0].sum()
    (gradient,) = torch.autograd.grad(found, S)
    assert gradient[0, 1].abs().sum() > 0
    assert gradient[0, 2].abs().sum() == 0, "padding is not read"
    blind = logits.clone()
    blind[0, 0, 1] = -1e9
    (gradient,) = torch.autograd.grad(encoder(S, blind, mask)[0, 0].sum(), S)
    assert gradient[0, 1].abs().sum() == 0


def test_each_encoder_reads_the_other_and_the_layer_below() -> None:
    """The first table encoder has two states before a cell, the others three: the layer below is one of them."""
    head = make().head
    shapes = {name: tuple(weight.shape) for name, weight in head.layers.named_parameters() if "weight" in name}
    layer = {
        "row.weight": (H, H),
        "column.weight": (H, H),
        "sequence.logits.weight": (HEADS, H),
        "sequence.values.weight": (H, H),
        "sequence.joined.weight": (H, H),
        "sequence.norm.weight": (H,),
        "sequence.feed_forward.0.weight": (4 * H, H),
        "sequence.feed_forward.3.weight": (H, 4 * H),
        "sequence.last_norm.weight": (H,),
    }
    expected = {f"{index}.{name}": shape for index in (0, 1) for name, shape in layer.items()}
    for index, states in ((0, 2), (1, 3)):
        for direction in (0, 1):
            cell = f"{index}.table.cells.{direction}"
            expected[f"{cell}.from_input.weight"] = ((3 + states) * H // 2, H)
            expected[f"{cell}.from_states.weight"] = ((3 + states) * H // 2, states * H // 2)
    assert shapes == expected
    assert head.layers[0].sequence.logits.bias is None


def test_a_pair_has_one_relation_in_one_direction() -> None:
    inner = Entity(1, 2, "LOC")
    example = Example(
        list("abcd"), [A, inner, B], [Relation(A, "in", B), Relation(B, "at", A), Relation(inner, "in", B)]
    )
    lost = make([example]).head.targets(example).lost
    assert lost == [(example.relations[2], OVERLAPS), (example.relations[1], SHARED_PAIR)]


def cells_of(labels: dict[tuple[int, int], list[float]]) -> Any:
    return lambda cells: torch.tensor([labels[c] for c in zip(cells.head.tolist(), cells.tail.tolist(), strict=True)])


@pytest.mark.parametrize(
    ("there", "back", "found"),
    [
        ([0.2, 0.8, 0.0], [0.2, 0.0, 0.8], (0, 1)),  # forward here, backward there: one relation
        ([0.2, 0.0, 0.8], [0.2, 0.8, 0.0], (1, 0)),
        ([0.1, 0.9, 0.0], [0.9, 0.0, 0.1], None),  # half of all probability is not more than the rest
        ([0.3, 0.4, 0.3], [0.3, 0.3, 0.4], None),  # the best label of both cells, but not more than the rest
    ],
)
def test_a_relation_needs_more_than_what_its_direction_leaves(
    there: list[float], back: list[float], found: tuple[int, int] | None
) -> None:
    example = Example(["a", "b"], [Entity(0, 1, "PER"), Entity(1, 2, "LOC")], [])
    example.relations = [Relation(*example.entities[:1], "in", example.entities[1])]
    head = make([example]).head
    batch = TensorDataset([example], lambda e: head.targets(e).arrays).batch([0])
    triples = head._between(SpanTriples.gold(batch).entities, cells_of({(0, 1): there, (1, 0): back}))
    pairs = list(zip(triples.head.tolist(), triples.tail.tolist(), strict=True))
    assert pairs == ([] if found is None else [found])


def test_a_size_that_two_directions_or_the_heads_cannot_share_is_an_error() -> None:
    for size in (5, 6):
        with pytest.raises(ConfigError, match=f"hidden_size is {size}; it must be even and a multiple of 4 heads"):
            make(hidden_size=size, attention_heads=4)


def test_attention_maps_need_a_transformer() -> None:
    with pytest.raises(ConfigError, match="attention needs the embedder 'transformer' by itself"):
        make(attention=True)


def test_a_cell_reads_the_attention_maps_of_its_two_words() -> None:
    torch.manual_seed(1)
    head = Lazy(TableSequence, hidden_size=H, layers=2, attention_heads=HEADS, dropout=0.0, attention=True)
    model = JointExtractor(Vocabulary(EXAMPLES), Lazy(TransformerEmbedder, model=TINY), head).double().eval()
    batch = labeled(model, EXAMPLES)
    maps = model.embedder.attention(batch)
    assert maps.shape == (4, 6, 6, model.embedder.attention_maps)
    layer = model.head.layers[0]
    diagonals = Diagonals(6, maps.device)
    S = torch.randn(4, 6, H, dtype=torch.float64)
    X = layer.inputs(S, diagonals.cells(maps), diagonals)
    W, b = layer.with_maps.weight, layer.with_maps.bias
    both = torch.cat((layer.row.weight, layer.column.weight), dim=1)
    own = torch.relu(both @ torch.cat((S[0, 2], S[0, 4])) + layer.row.bias)
    expected = torch.relu(W @ torch.cat((own, maps[0, 2, 4])) + b)
    torch.testing.assert_close(diagonals.table(X)[0, 2, 4], expected)
    assert_every_parameter_learns(model.head, model(batch))
    alone = model.head(labeled(model, EXAMPLES[3:]), Encoding(model))
    torch.testing.assert_close(model.head(batch, Encoding(model))["table"][3:, :4, :4], alone["table"])
