import copy
import io
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

import filigree
from filigree import SparseLinear, sparsify

BLOCKS = [1, 2, 4, 8, 16, 32, 64, (1, 16), (16, 1), (4, 1)]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_is_a_dense_layer_with_zeros(block):
    layer = SparseLinear(128, 192, density=0.2, block=block)
    dense = layer.to_dense()
    for shape in [(128,), (3, 128), (2, 5, 128), (0, 128)]:
        x = torch.randn(shape)
        close(layer(x), dense(x))
    rows, columns = (block, block) if isinstance(block, int) else block
    assert layer.block == block and layer.values.shape[1:] == (rows, columns)
    assert layer.values.numel() == round(0.2 * 128 * 192 / (rows * columns)) * rows * columns


@pytest.mark.parametrize("block, inputs, outputs", [(1, 32, 16), (2, 32, 16), (4, 32, 16), (8, 32, 16), (16, 32, 16),
                                                    (32, 32, 32), (8, 21, 19), ((1, 16), 21, 19), ((16, 1), 21, 19),
                                                    ((4, 1), 32, 16)])
def test_gradients_agree_with_finite_differences(block, inputs, outputs):
    layer = SparseLinear(inputs, outputs, density=0.4, block=block, dtype=torch.float64)
    x = torch.randn(3, inputs, dtype=torch.float64, requires_grad=True)

    def product(x, values, bias):
        return torch.ops.filigree.bsr_linear(x, values, layer.pattern, bias)

    assert torch.autograd.gradcheck(product, (x, layer.values, layer.bias))


def test_takes_sizes_that_blocks_do_not_divide():
    linear = nn.Linear(37, 70)
    x = torch.randn(4, 37)
    full = SparseLinear.from_dense(linear, density=1.0, block=16)
    close(full(x), linear(x))
    close(full.to_dense()(x), linear(x))
    layer = SparseLinear(37, 70, density=0.3, block=16)
    close(layer(x), layer.to_dense()(x))


def test_gradients_are_those_of_the_dense_layer():
    layer = SparseLinear(64, 32, density=0.3, block=8)
    dense = layer.to_dense()
    mask = dense.weight.ne(0)
    x, y = torch.randn(2, 7, 64, requires_grad=True), torch.randn(2, 7, 64, requires_grad=True)
    y.data.copy_(x.data)
    layer(x).sin().sum().backward()
    dense(y).sin().sum().backward()
    close(x.grad, y.grad)
    close(layer.bias.grad, dense.bias.grad)
    close(torch.ops.filigree.bsr_to_dense(layer.values.grad, layer.pattern), dense.weight.grad * mask)


def test_from_dense_keeps_the_largest_blocks():
    linear = nn.Linear(64, 64)
    layer = SparseLinear.from_dense(linear, density=0.25, block=16)
    assert layer.density == 0.25
    sums = linear.weight.detach().abs().reshape(4, 16, 4, 16).sum((1, 3)).flatten()
    kept = layer.to_dense().weight.detach().abs().reshape(4, 16, 4, 16).sum((1, 3)).flatten() > 0
    assert set(sums.topk(4).indices.tolist()) == set(kept.nonzero().flatten().tolist())
    full = SparseLinear.from_dense(linear, density=1.0, block=16)
    x = torch.randn(5, 64)
    close(full(x), linear(x))


def test_learns():
    target = SparseLinear(64, 32, density=0.2, block=8, bias=False)
    x = torch.randn(256, 64)
    y = target(x).detach()
    layer = copy.deepcopy(target)
    with torch.no_grad():
        layer.values.zero_()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (layer(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3 * y.pow(2).mean()


def test_state_and_pattern_survive_saving():
    layer = SparseLinear(64, 48, density=0.3, block=8)
    x = torch.randn(5, 64)
    expected = layer(x)
    # Into a layer with another pattern, and another number of blocks.
    for density in [0.3, 0.6]:
        other = SparseLinear(64, 48, density=density, block=8)
        saved = io.BytesIO()
        torch.save(layer.state_dict(), saved)
        saved.seek(0)
        other.load_state_dict(torch.load(saved))
        assert torch.equal(other(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), expected)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), expected)
    twin.values.data.zero_()
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("inputs, outputs", [(64, 64), (128, 48), (72, 48), (48, 48), (64, 41)])
def test_a_layer_of_another_size_is_not_loaded(inputs, outputs):
    state = SparseLinear(64, 48, density=0.3, block=8).state_dict()
    model = nn.Sequential(SparseLinear(inputs, outputs, density=0.3, block=8))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(RuntimeError, match="0: size mismatch"):
        model.load_state_dict({f"0.{key}": value for key, value in state.items()})
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("lacking", ["shape", "row_offsets", "column_indices", "values"])
def test_values_and_pattern_are_loaded_together(lacking):
    layer = SparseLinear(64, 48, density=0.3, block=8)
    state = layer.state_dict()
    del state[lacking]
    with pytest.raises(RuntimeError, match=f"{lacking} is missing"):
        SparseLinear(64, 48, density=0.3, block=8).load_state_dict(state, strict=False)
    # Nothing of it, in a part of a model's state, is fine.
    SparseLinear(64, 48, density=0.3, block=8).load_state_dict({}, strict=False)


def test_buffers_that_are_written_to_move_the_pattern():
    layer, other = SparseLinear(64, 64, density=0.25, block=16), SparseLinear(64, 64, density=0.25, block=16)
    x = torch.randn(3, 64)
    with torch.no_grad():  # as DistributedDataParallel sends them
        for mine, theirs in zip(layer.state_dict().values(), other.state_dict().values()):
            theirs.copy_(mine)
    assert torch.equal(other(x), layer(x))


def test_copies_keep_what_a_module_keeps():
    class Scaled(SparseLinear):
        def __init__(self):
            super().__init__(64, 32, density=0.5, block=8)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return super().forward(x) * self.scale

    layer = Scaled()
    layer.bias.requires_grad_(False)
    layer.register_forward_hook(lambda module, inputs, output: output + 1)
    x = torch.randn(3, 64)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), layer(x))
    assert not twin.bias.requires_grad and twin.values.requires_grad
    tied = copy.deepcopy(nn.ModuleList([layer, layer]))
    assert tied[0] is tied[1]


def test_an_empty_batch_has_gradients():
    layer = SparseLinear(64, 32)
    x = torch.randn(0, 64, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.shape == x.shape
    assert layer.values.grad.abs().sum() == 0


@pytest.mark.parametrize("density", [0.25, 0.75])
def test_a_graph_of_the_old_pattern_is_refused(density):
    layer = SparseLinear(64, 64, density=0.25, block=16)
    y = layer(torch.randn(3, 64, requires_grad=True))
    layer.set_pattern(torch.ops.filigree.bsr_random(64, 64, 16, density, 5))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_frozen_layers_stay_frozen():
    linear = nn.Linear(64, 32)
    linear.weight.requires_grad_(False)
    layer = SparseLinear.from_dense(linear, density=0.5)
    assert [p.requires_grad for p in layer.parameters()] == [False, True]
    assert [p.requires_grad for p in layer.to_dense().parameters()] == [False, True]


def test_nothing_is_drawn_behind_the_edge():
    layer = SparseLinear(37, 21, density=0.6, block=8)
    close(layer.values.norm(), layer.to_dense().weight.norm())


def test_autocast_leaves_it_in_its_own_type():
    model = nn.Sequential(nn.Linear(64, 64), SparseLinear(64, 64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model(torch.randn(3, 64))
    assert y.dtype == torch.float32
    y.sum().backward()
    assert model[0].weight.grad is not None


def test_a_new_pattern_keeps_what_stays_and_moves_the_optimizer():
    layer = SparseLinear(64, 64, density=0.5, block=16, bias=False)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.randn(8, 64)).pow(2).sum().backward()
        optimizer.step()
    weight = layer.to_dense().weight.detach()
    moment = torch.ops.filigree.bsr_to_dense(optimizer.state[layer.values]["exp_avg"], layer.pattern)
    pattern = torch.ops.filigree.bsr_random(64, 64, 16, 0.75, 5)
    layer.set_pattern(pattern, optimizer)
    mask = torch.ops.filigree.bsr_to_dense(torch.ones(pattern.block_count(), 16, 16), pattern)
    assert torch.equal(layer.to_dense().weight.detach(), weight * mask)
    after = torch.ops.filigree.bsr_to_dense(optimizer.state[layer.values]["exp_avg"], layer.pattern)
    assert torch.equal(after, moment * mask)
    layer(torch.randn(8, 64)).sum().backward()
    optimizer.step()


def test_sparsify_replaces_what_fits():
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Sequential(nn.Linear(128, 64)), nn.Linear(64, 10))
    x = torch.randn(4, 64)
    expected = model(x)
    assert sparsify(model, density=1.0, block=16, only=lambda name, layer: name != "0") == 1
    close(model(x), expected)
    assert sparsify(model, density=0.5, block=16) == 1
    assert [type(model[0]), type(model[2][0]), type(model[3])] == [SparseLinear, SparseLinear, nn.Linear]


def test_sparsify_keeps_what_is_shared():
    shared = nn.Linear(64, 64)
    model = nn.Module()
    model.a = model.b = shared
    model.inner = nn.Sequential(shared)
    assert sparsify(model, density=0.5) == 1
    assert type(model.a) is SparseLinear and model.a is model.b and model.a is model.inner[0]
    # A weight that an embedding has too, and layers that do more than multiply.
    model = nn.Sequential(nn.Embedding(64, 32), nn.Linear(32, 64), nn.Linear(64, 64), nn.Linear(64, 64))
    model[1].weight = model[0].weight
    model[2].register_forward_hook(lambda module, inputs, output: output + 1)
    nn.utils.spectral_norm(model[3])
    assert sparsify(model, density=0.5) == 0
    assert model[1].weight is model[0].weight


def test_sparsify_replaces_all_or_none():
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64).half())
    with pytest.raises(RuntimeError, match="wanted float or double"):
        sparsify(model, density=0.5)
    assert type(model[0]) is nn.Linear


def test_sparsify_serves_a_part_of_an_encoder():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(2, 5, 64)
    mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    expected = model(x, src_key_padding_mask=mask)
    assert sparsify(model, density=1.0, only=lambda name, layer: name.startswith("layers.1")) == 2
    with torch.no_grad():
        found = model(x, src_key_padding_mask=mask)
    close(found[~mask], expected[~mask])


def test_sparsify_serves_transformers():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(2, 5, 64)
    expected = model(x)
    assert sparsify(model, density=1.0, block=16) == 4
    close(model(x), expected)
    with torch.no_grad():
        close(model(x), expected)


def test_results_do_not_depend_on_the_number_of_threads():
    layer = SparseLinear(256, 256, density=0.3, block=16)
    x = torch.randn(300, 256)
    threads = torch.get_num_threads()
    results = []
    for count in [1, 2, 3]:
        torch.set_num_threads(count)
        results.append(layer(x))
    torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@pytest.mark.parametrize("make, text", [
    (lambda: SparseLinear(64, 64, 0.5, 3), "block size of 3"),
    (lambda: SparseLinear(64, 64, 0.0, 16), "density"),
    (lambda: SparseLinear(64, 64, 1.5, 16), "density"),
    (lambda: SparseLinear(64, 64)(torch.randn(3, 65)), "64 features"),
    (lambda: SparseLinear(64, 64)(torch.randn(3, 64).half()), "float16"),
    (lambda: SparseLinear(64, 64).set_pattern(torch.ops.filigree.bsr_random(64, 32, 16, 0.5, 1)), "does not follow"),
    (lambda: torch.classes.filigree.BsrPattern(16, 16, 16, torch.tensor([0, 1]), torch.tensor([7])), "block column 7"),
    (lambda: torch.ops.filigree.set_num_threads(-1), "threads"),
    (lambda: sparsify(nn.Linear(64, 64), 0.5), "from_dense"),
    (lambda: SparseLinear(64, 64, dtype=torch.bfloat16), "float32 or float64"),
    (lambda: torch.classes.filigree.BsrPattern(16, 16, 2**32 + 16, torch.tensor([0, 1]), torch.tensor([0])), "block size"),
    (lambda: torch.classes.filigree.BsrPattern(16, 16, 16, torch.tensor([0, 2**32 + 1]), torch.tensor([0])), "32 bits"),
    (lambda: torch.classes.filigree.BsrPattern(16, 16, 16, torch.tensor([0.7, 1.9]), torch.tensor([0])), "integers"),
    (lambda: torch.classes.filigree.BsrPattern(16, 16, 16, torch.tensor([[0, 1]]), torch.tensor([0])), "integers"),
    (lambda: torch.ops.filigree.bsr_to_dense(SparseLinear(16, 16).values, SparseLinear(16, 16).pattern), "no gradient"),
])
def test_says_what_is_wrong(make, text):
    with pytest.raises((RuntimeError, ValueError, TypeError), match=text):
        make()


def test_second_derivatives_are_refused():
    layer = SparseLinear(16, 16)
    x = torch.randn(2, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).pow(2).sum(), x, create_graph=False)
    with pytest.raises(RuntimeError, match="second derivatives"):
        torch.autograd.grad(layer(x).pow(2).sum(), x, create_graph=True)


def test_conversions_refuse_to_cut_gradients():
    weight = torch.randn(16, 16, requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad"):
        torch.ops.filigree.bsr_from_dense(weight, 0.5, 8)


def test_a_missing_library_is_named():
    environment = dict(os.environ, FILIGREE_LIBRARY="/nonexistent/libfiligree_torch.so")
    done = subprocess.run([sys.executable, "-c", "import filigree"], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "there is no /nonexistent/libfiligree_torch.so" in done.stderr
