import pytest
import torch
from padding import assert_every_parameter_learns, assert_ignores_padding, padded_inputs

from relx.encoders.seq2seq.partition_filter import PartitionFilterEncoder
from relx.encoders.seq2seq.srn import SRNEncoder, selection_gates
from relx.kernels import partitioned_recurrence

DIM, SIZE = 4, 3
SRN_MEMORIES = ["e", "s", "es", "o", "eo", "so", "eso"]
CASES = {
    "srn": lambda **options: SRNEncoder(DIM, SIZE, **options),
    "one task": lambda **options: SRNEncoder(DIM, SIZE, tasks=["entity"], **options),
    "two tasks": lambda **options: SRNEncoder(DIM, SIZE, tasks=["entity", "relation"], **options),
    "four tasks": lambda **options: SRNEncoder(DIM, SIZE, tasks=list("abcd"), **options),
    "partition_filter": lambda **options: PartitionFilterEncoder(DIM, SIZE, **options),
}


def made(name, **options):
    torch.manual_seed(0)
    encoder = CASES[name](**options).double()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    return encoder


@pytest.fixture(params=["srn", "two tasks", "partition_filter"])
def name(request):
    return request.param


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dropconnect", [0.0, 0.5])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_the_equations(name, bidirectional, dropconnect):
    encoder = made(name, bidirectional=bidirectional, dropconnect=dropconnect)
    inputs, mask = padded_inputs(DIM)
    inputs.requires_grad_()
    encoded = []
    for encode in (encoder, encoder.reference):
        torch.manual_seed(1)  # the same weights are dropped
        encoded.append(encode(inputs, mask))
    ours, equations = encoded
    torch.testing.assert_close(ours, equations, rtol=0, atol=1e-12)
    weights = torch.randn_like(ours)
    wanted = [inputs, *encoder.parameters()]
    gradients = [torch.autograd.grad((output * weights).sum(), wanted) for output in encoded]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


def test_the_gates_of_three_tasks_are_those_of_equations_4_and_5_as_printed():
    e, s, o = torch.rand(3, 2, SIZE, dtype=torch.float64)
    es, eo, so, eso = e * s, e * o, s * o, e * s * o
    printed = [e - es - eo + eso, s - es - so + eso, es, o - eo - so + eso, eo, so, eso]
    torch.testing.assert_close(selection_gates([e, s, o]), printed, rtol=0, atol=1e-15)


def test_the_gates_of_two_tasks_are_those_of_equation_17_as_printed():
    e, r = torch.rand(2, 2, SIZE, dtype=torch.float64)
    torch.testing.assert_close(selection_gates([e, r]), [e - e * r, r - e * r, e * r], rtol=0, atol=1e-15)


@pytest.mark.parametrize("tasks", [1, 4])
def test_any_number_of_tasks_has_gradients_that_agree_with_finite_differences(tasks):
    encoder = SRNEncoder(2, 2, tasks=[str(task) for task in range(tasks)]).double()
    _gradcheck(encoder, 2)


def test_gradients_agree_with_finite_differences(name):
    _gradcheck(made(name, bidirectional=True), DIM)


def _gradcheck(encoder, dim):
    inputs, mask = padded_inputs(dim, (3, 1, 0))
    parameters = dict(encoder.named_parameters())

    def encode(inputs, *values):
        given = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(encoder, given, (inputs, mask))

    assert torch.autograd.gradcheck(encode, (inputs.requires_grad_(), *parameters.values()), fast_mode=True)


@pytest.mark.parametrize("tasks", [1, 2, 3, 4])
def test_a_memory_is_the_product_of_its_tasks_gates_and_a_task_alone_leaves_out_what_it_shares(tasks):
    """From a single token, whose history is zero, the gates can be read off the memories."""
    names = [str(task) for task in range(tasks)]
    encoder = SRNEncoder(DIM, SIZE, tasks=names).double()
    inputs, mask = padded_inputs(DIM, (1,))
    memories = torch.atanh(encoder(inputs, mask))[0, 0].view(-1, SIZE)
    sums = encoder.forwards.from_input(inputs)[0, 0].view(-1, SIZE)
    rho, candidate = torch.sigmoid(sums[2 : 2 + tasks]), torch.tanh(sums[-1])
    assert len(memories) == 2**tasks - 1
    for number, memory in enumerate(memories, start=1):
        inside = [task for task in range(tasks) if number >> task & 1]
        gate = rho[inside].prod(dim=0)
        if len(inside) == 1:
            gate = gate * (1 - rho[[task for task in range(tasks) if task not in inside]]).prod(dim=0)
        torch.testing.assert_close(memory, gate * candidate, rtol=0, atol=1e-12)


def test_a_task_sees_the_memories_it_has_a_part_in():
    encoder, encoded = SRNEncoder(DIM, 1), torch.arange(7.0)
    seen = {task: [SRN_MEMORIES[int(place)] for place in encoder.task_features.select(encoded, task)]
            for task in ("entity", "subject", "object")}  # fmt: skip
    assert seen == {"entity": ["e", "es", "eo", "eso"], "subject": ["s", "es", "so", "eso"],
                    "object": ["o", "eo", "so", "eso"]}  # fmt: skip


def test_both_directions_are_in_a_view():
    encoder = PartitionFilterEncoder(DIM, 2, bidirectional=True)
    assert encoder.output_dim == 12
    assert encoder.task_features.select(torch.arange(12), "entity").tolist() == [0, 1, 4, 5, 6, 7, 10, 11]
    assert encoder.task_features.select(torch.arange(12), "relation").tolist() == [2, 3, 4, 5, 8, 9, 10, 11]


def test_neither_padding_nor_neighbors_change_an_answer(name):
    assert_ignores_padding(made(name, bidirectional=True), DIM)


def test_padding_is_zero_and_sends_no_gradient(name):
    encoder, (inputs, mask) = made(name), padded_inputs(DIM)
    encoded = encoder(inputs.requires_grad_(), mask)
    assert (encoded[~mask] == 0).all()
    assert (encoded[mask] != 0).any(dim=-1).all()
    assert_every_parameter_learns(encoder, encoded)
    assert (inputs.grad[~mask] == 0).all()
    assert (inputs.grad[mask] != 0).all()


def test_sentences_without_tokens_are_encoded_as_nothing(name):
    encoder, (inputs, mask) = made(name, bidirectional=True), padded_inputs(DIM, (0, 1))
    assert (encoder(inputs[:1], mask[:1]) == 0).all()


def test_a_graph_can_be_gone_through_twice(name):
    encoder, (inputs, mask) = made(name), padded_inputs(DIM)
    loss = encoder(inputs.requires_grad_(), mask).square().sum()
    wanted = [inputs, *encoder.parameters()]
    once, twice = (torch.autograd.grad(loss, wanted, retain_graph=True) for _ in range(2))
    torch.testing.assert_close(once, twice, rtol=0, atol=0)


def test_nothing_changes_without_gradients(name):
    encoder, (inputs, mask) = made(name), padded_inputs(DIM)
    with torch.inference_mode():
        inferred = encoder(inputs, mask)
    torch.testing.assert_close(inferred, encoder(inputs, mask), rtol=0, atol=0)


def test_autocast_leaves_the_recurrence_in_its_own_precision(name):
    encoder, (inputs, mask) = made(name).float(), padded_inputs(DIM)
    inputs = inputs.bfloat16()
    expected = encoder(inputs.float(), mask)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(encoder(inputs, mask), expected, rtol=0, atol=0)


def test_under_autocast_its_products_may_be_taken_in_bfloat16(name, monkeypatch):
    settings, seen = torch.backends.mkldnn.matmul, []
    usual = settings.fp32_precision
    of_weights = partitioned_recurrence._weights_of_products

    def spy(*given):
        seen.append(settings.fp32_precision)
        return of_weights(*given)

    monkeypatch.setattr(partitioned_recurrence, "_weights_of_products", spy)
    encoder, (inputs, mask) = made(name).float(), padded_inputs(DIM)
    with torch.autocast("cpu", torch.bfloat16):
        encoder(inputs.float(), mask).sum().backward()
    encoder(inputs.float(), mask).sum().backward()
    assert seen == ["bf16", "bf16", usual, usual] and settings.fp32_precision == usual


def test_dropconnect_drops_weights_of_the_state_in_training_only(name):
    encoder, (inputs, mask) = made(name, dropconnect=0.5), padded_inputs(DIM)
    first, again = encoder(inputs, mask), encoder(inputs, mask)
    assert not torch.equal(first, again)
    torch.testing.assert_close(first[:, 0], again[:, 0], rtol=0, atol=0)  # no state before the first token
    encoder.eval()
    torch.testing.assert_close(encoder(inputs, mask), made(name)(inputs, mask), rtol=0, atol=0)


@pytest.mark.parametrize(
    "options", [{"tasks": []}, {"tasks": ["a", "a"]}, {"hidden_size": 0}, {"dropconnect": 1.5}], ids=str
)
def test_impossible_arguments_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        SRNEncoder(DIM, **{"hidden_size": SIZE, **options})
