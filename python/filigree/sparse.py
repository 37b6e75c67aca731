"""Block-sparse linear layers."""

from __future__ import annotations

import math
from collections import Counter
from typing import Callable, Dict, List, Optional, Tuple, Union

import torch
from torch import Tensor, nn

_ops = torch.ops.filigree
# The side of square blocks, or rows and columns.
Block = Union[int, Tuple[int, int]]
_threads = 0


def _follow_threads() -> None:
    """Filigree's kernels run on as many threads as PyTorch's."""
    global _threads
    if torch.get_num_threads() != _threads:
        _threads = torch.get_num_threads()
        _ops.set_num_threads(_threads)


class SparseLinear(nn.Module):
    """y = x W^T + bias, where W is block-sparse and only its blocks are stored, multiplied and trained.

    Like nn.Linear: input [..., in_features], output [..., out_features], float32 or float64, on the CPU.
    `values` ([blocks, block rows, block columns]) is a parameter like any other; its gradient and an optimiser's state lie in
    the same order. The pattern is drawn uniformly at random; `density` is rounded to whole blocks, at least one.
    block: the side of square blocks, 1, 2, 4, 8, 16, 32 or 64, or (rows, columns): (1, 16), (16, 1) or (4, 1), rows
    being outputs; sizes that it divides are faster. Weights are drawn as nn.Linear draws them, for the number of inputs
    that an output has on average.
    """

    def __init__(self, in_features: int, out_features: int, density: float = 0.1, block: Block = 16,
                 bias: bool = True, seed: Optional[int] = None, dtype: Optional[torch.dtype] = None):
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        _check_type(dtype)
        if seed is None:  # from PyTorch's own generator: torch.manual_seed fixes it
            seed = int(torch.randint(2**62, ()).item())
        pattern = _ops.bsr_random(out_features, in_features, block, density, seed)
        values = torch.empty(pattern.block_count(), *pattern.block_shape(), dtype=dtype)
        bound = 1 / math.sqrt(in_features * pattern.density())
        nn.init.uniform_(values, -bound, bound)
        bias_values = torch.empty(out_features, dtype=dtype).uniform_(-bound, bound) if bias else None
        self._set(pattern, _ops.bsr_trim(values, pattern), bias_values)

    def _set(self, pattern, values: Tensor, bias: Optional[Tensor]) -> None:
        self.values = nn.Parameter(values)
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias))
        self.in_features = pattern.columns()
        self.out_features = pattern.rows()
        self._use(pattern)

    def _use(self, pattern) -> None:
        self.register_buffer("shape", torch.tensor([pattern.rows(), pattern.columns(), *_sides(pattern)]))
        self.register_buffer("row_offsets", pattern.row_offsets())
        self.register_buffer("column_indices", pattern.column_indices())
        self._pattern = pattern
        self._seen = self._versions()

    def _versions(self):
        return tuple((id(buffer), buffer._version) for buffer in (self.shape, self.row_offsets, self.column_indices))

    @property
    def pattern(self):
        """Where the blocks are: a torch.classes.filigree.BsrPattern, made from the buffers that are saved.

        Where these were written to since (DistributedDataParallel sends rank 0's), it is made anew.
        """
        if self._seen != self._versions():
            self._pattern = torch.classes.filigree.BsrPattern(*_shape_of(self.shape), self.row_offsets,
                                                              self.column_indices)
            self._seen = self._versions()
        return self._pattern

    @classmethod
    def from_dense(cls, linear: nn.Linear, density: float, block: Block = 16) -> "SparseLinear":
        """The blocks of a dense layer's weights with the largest sums of magnitudes, and its bias.

        Parameters that need no gradient stay so.
        """
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        weight = linear.weight.detach()
        pattern, values = _ops.bsr_from_dense(weight.contiguous(), density, block)
        layer._set(pattern, values, None if linear.bias is None else linear.bias.detach().clone())
        layer.values.requires_grad_(linear.weight.requires_grad)
        if linear.bias is not None:
            layer.bias.requires_grad_(linear.bias.requires_grad)
        layer.train(linear.training)
        return layer

    def to_dense(self) -> nn.Linear:
        """The same layer as nn.Linear, with zeros where there is no block."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, dtype=self.values.dtype)
        with torch.no_grad():
            linear.weight.copy_(_ops.bsr_to_dense(self.values.detach(), self.pattern))
            if self.bias is not None:
                linear.bias.copy_(self.bias)
        linear.weight.requires_grad_(self.values.requires_grad)
        if self.bias is not None:
            linear.bias.requires_grad_(self.bias.requires_grad)
        return linear.train(self.training)

    @property
    def block(self) -> Block:
        """The side of the blocks; (rows, columns) where they are not square."""
        sides = _sides(self.pattern)
        return sides[0] if len(sides) == 1 else sides

    @property
    def density(self) -> float:
        return self.pattern.density()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"SparseLinear: wanted {self.in_features} features in the last dimension of x, "
                             f"got a shape of {tuple(x.shape)}")
        if x.dtype != self.values.dtype and torch.is_autocast_cpu_enabled():
            x = x.to(self.values.dtype)  # there is no product of 16 bits here: it runs in that of the weights
        if x.dtype != self.values.dtype:
            raise ValueError(f"SparseLinear: x is {x.dtype} and the weights are {self.values.dtype}; "
                             f"convert one of them")
        _follow_threads()
        rows = x.reshape(-1, self.in_features).contiguous()
        y = _ops.bsr_linear(rows, self.values, self.pattern, self.bias)
        return y.reshape(*x.shape[:-1], self.out_features)

    @torch.no_grad()
    def set_pattern(self, pattern, optimizer: Optional[torch.optim.Optimizer] = None) -> None:
        """Moves to another pattern of the same shape and block: torch.classes.filigree.BsrPattern.

        Blocks that stay keep their values, new ones start at zero. State that `optimizer` keeps for each value
        (moments) moves along; an optimiser that is not given here must be made anew, or its moments belong to
        other blocks. Call it between steps: a graph recorded before cannot be followed back any more, and autograd
        says so.
        """
        before = self.pattern
        shape = self.values.shape
        moved = _ops.bsr_move(self.values.detach(), before, pattern)
        if optimizer is not None:
            state = optimizer.state.get(self.values, {})
            for key, value in list(state.items()):
                if torch.is_tensor(value) and value.shape == shape:
                    state[key] = _ops.bsr_move(value.contiguous(), before, pattern)
        self._resize(moved.shape)
        self.values.copy_(moved)  # which autograd notices
        self._use(pattern)

    def _resize(self, shape) -> None:
        """Room for values of another pattern; what gradient there was belongs to the old one."""
        if self.values.shape != torch.Size(shape):
            self.values.data = self.values.new_empty(shape)
        self.values.grad = None

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, density={self.density:.4g}, "
                f"block={self.block}, bias={self.bias is not None}")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs) -> None:
        # The saved pattern becomes this layer's, before PyTorch compares shapes.
        names = ("shape", "row_offsets", "column_indices", "values")
        saved = {name: state_dict[prefix + name] for name in names if prefix + name in state_dict}
        if len(saved) == len(names):
            try:
                self._use_saved(**saved)
            except (RuntimeError, ValueError) as error:
                error_msgs.append(f"{prefix.rstrip('.') or 'SparseLinear'}: {error}")
                return
        elif saved:
            lacking = ", ".join(prefix + name for name in names if name not in saved)
            error_msgs.append(f"values and pattern of a SparseLinear belong together: {lacking} is missing")
            return
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                                      error_msgs)

    def _use_saved(self, shape: Tensor, row_offsets: Tensor, column_indices: Tensor, values: Tensor) -> None:
        rows, columns, block = _shape_of(shape)
        if (rows, columns) != (self.out_features, self.in_features):
            raise ValueError(f"size mismatch: a layer of {columns} inputs and {rows} outputs is loaded into one of "
                             f"{self.in_features} and {self.out_features}")
        pattern = torch.classes.filigree.BsrPattern(rows, columns, block, row_offsets, column_indices)
        wanted = (pattern.block_count(), *pattern.block_shape())
        if tuple(values.shape) != wanted:
            raise ValueError(f"size mismatch: values of {tuple(values.shape)} for a pattern that has {wanted}")
        self._resize(wanted)
        self._use(pattern)

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["_pattern"], state["_seen"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self._pattern = None
        self._seen = None  # pattern makes it from the buffers


def sparsify(model: nn.Module, density: float, block: Block = 16,
             only: Callable[[str, nn.Linear], bool] = lambda name, layer: True) -> int:
    """Replaces each nn.Linear in `model`, in place, by SparseLinear.from_dense; gives how many.

    A layer that stands in several places is replaced by one layer in all of them. These stay as they are: layers
    smaller than a block, those for which only(name, layer) is false, those with hooks or parametrizations, which a
    new layer would not have, and those that share their weight or bias with another module. Either all others are replaced
    or, after an error, none. Parameters change: make the optimiser afterwards.
    """
    if isinstance(model, nn.Linear):
        raise TypeError("sparsify replaces layers inside a module: use SparseLinear.from_dense for a single one")
    owners = Counter(id(parameter) for module in model.modules() for parameter in module._parameters.values()
                     if parameter is not None)
    replacements: Dict[int, Optional[SparseLinear]] = {}
    places: List[Tuple[nn.Module, str, SparseLinear]] = []
    for parent_name, parent in model.named_modules():
        for name, child in parent._modules.items():
            if type(child) is not nn.Linear:
                continue
            if id(child) not in replacements:
                full_name = f"{parent_name}.{name}" if parent_name else name
                fits = _can_replace(child, block, owners) and only(full_name, child)
                replacements[id(child)] = SparseLinear.from_dense(child, density, block) if fits else None
            replacement = replacements[id(child)]
            if replacement is not None:
                places.append((parent, name, replacement))
    for parent, name, replacement in places:
        parent._modules[name] = replacement
        if isinstance(parent, nn.TransformerEncoderLayer):
            # In evaluation it would hand all dense weights to one fused op: as for an activation that the
            # op does not know, it shall call its layers.
            parent.activation_relu_or_gelu = 0
    if places:
        for module in model.modules():
            if isinstance(module, nn.TransformerEncoder) and any(isinstance(part, SparseLinear)
                                                                 for part in module.modules()):
                # Nested tensors serve the fused op alone.
                module.enable_nested_tensor = False
                module.use_nested_tensor = False
    return len({id(replacement) for _, _, replacement in places})


def _can_replace(layer: nn.Linear, block: Block, owners: Counter) -> bool:
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks)
    shared = any(owners[id(parameter)] > 1 for parameter in layer._parameters.values() if parameter is not None)
    rows, columns = (block, block) if isinstance(block, int) else block
    return layer.out_features >= rows and layer.in_features >= columns and not any(hooks) and not shared


def _sides(pattern) -> Tuple[int, ...]:
    """As they are saved: one number for square blocks."""
    rows, columns = pattern.block_shape()
    return (rows,) if rows == columns else (rows, columns)


def _shape_of(saved: Tensor) -> Tuple[int, int, Tuple[int, int]]:
    """Rows, columns and block of a saved shape."""
    numbers = saved.tolist()
    if len(numbers) not in (3, 4):
        raise ValueError(f"a saved shape has rows, columns and a block, not {numbers}")
    return numbers[0], numbers[1], (numbers[2], numbers[-1])


def _check_type(dtype: torch.dtype) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"SparseLinear: weights are float32 or float64, not {dtype}")
