"""Block-sparse linear layers."""

from __future__ import annotations

import math
from typing import Callable, Optional

import torch
from torch import Tensor, nn

_ops = torch.ops.filigree
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
    `values` ([blocks, block, block]) is a parameter like any other; its gradient and an optimiser's state lie in
    the same order. The pattern is drawn uniformly at random; `density` is rounded to whole blocks, at least one.
    block: 1, 2, 4, 8, 16, 32 or 64; sizes that it divides are faster. Weights are drawn as nn.Linear draws them, for the
    number of inputs that an output has on average.
    """

    def __init__(self, in_features: int, out_features: int, density: float = 0.1, block: int = 16,
                 bias: bool = True, seed: Optional[int] = None, dtype: Optional[torch.dtype] = None):
        super().__init__()
        if seed is None:  # from PyTorch's own generator: torch.manual_seed fixes it
            seed = int(torch.randint(2**62, ()).item())
        pattern = _ops.bsr_random(out_features, in_features, block, density, seed)
        values = torch.empty(pattern.block_count(), block, block, dtype=dtype or torch.get_default_dtype())
        bound = 1 / math.sqrt(in_features * pattern.density())
        nn.init.uniform_(values, -bound, bound)
        bias_values = torch.empty(out_features, dtype=values.dtype).uniform_(-bound, bound) if bias else None
        self._set(pattern, values, bias_values)

    def _set(self, pattern, values: Tensor, bias: Optional[Tensor]) -> None:
        self.values = nn.Parameter(values)
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias))
        self._use(pattern)

    def _use(self, pattern) -> None:
        self.pattern = pattern
        self.in_features = pattern.columns()
        self.out_features = pattern.rows()
        self.register_buffer("row_offsets", pattern.row_offsets())
        self.register_buffer("column_indices", pattern.column_indices())

    @classmethod
    def from_dense(cls, linear: nn.Linear, density: float, block: int = 16) -> "SparseLinear":
        """The blocks of a dense layer's weights with the largest sums of magnitudes, and its bias."""
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        weight = linear.weight.detach()
        pattern, values = _ops.bsr_from_dense(weight.contiguous(), density, block)
        layer._set(pattern, values, None if linear.bias is None else linear.bias.detach().clone())
        layer.train(linear.training)
        return layer

    def to_dense(self) -> nn.Linear:
        """The same layer as nn.Linear, with zeros where there is no block."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, dtype=self.values.dtype)
        with torch.no_grad():
            linear.weight.copy_(_ops.bsr_to_dense(self.values.detach(), self.pattern))
            if self.bias is not None:
                linear.bias.copy_(self.bias)
        return linear.train(self.training)

    @property
    def block(self) -> int:
        return self.pattern.block()

    @property
    def density(self) -> float:
        return self.pattern.density()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"SparseLinear: wanted {self.in_features} features in the last dimension of x, "
                             f"got a shape of {tuple(x.shape)}")
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
        (moments) moves along; without it, an optimiser that has seen this layer must be made anew where the
        number of blocks changes.
        """
        before = self.pattern
        shape = self.values.shape
        moved = _ops.bsr_move(self.values.detach(), before, pattern)
        if optimizer is not None:
            state = optimizer.state.get(self.values, {})
            for key, value in list(state.items()):
                if torch.is_tensor(value) and value.shape == shape:
                    state[key] = _ops.bsr_move(value.contiguous(), before, pattern)
        self.values.data = moved
        self.values.grad = None
        self._use(pattern)

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, density={self.density:.4g}, "
                f"block={self.block}, bias={self.bias is not None}")

    def _load_from_state_dict(self, state_dict, prefix, *arguments) -> None:
        # The saved pattern becomes this layer's, before PyTorch compares shapes.
        offsets = state_dict.get(prefix + "row_offsets")
        columns = state_dict.get(prefix + "column_indices")
        values = state_dict.get(prefix + "values")
        if offsets is not None and columns is not None and values is not None and values.dim() == 3:
            pattern = torch.classes.filigree.BsrPattern(self.out_features, self.in_features, values.shape[1],
                                                        offsets, columns)
            if self.values.shape != values.shape:
                self.values.data = torch.empty_like(values, dtype=self.values.dtype)
                self.values.grad = None
            self._use(pattern)
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def __deepcopy__(self, memo):
        copy = self.__class__.__new__(self.__class__)
        memo[id(self)] = copy
        nn.Module.__init__(copy)
        copy._set(self.pattern, self.values.detach().clone(),
                  None if self.bias is None else self.bias.detach().clone())
        for mine, theirs in zip(self.parameters(), copy.parameters()):
            theirs.requires_grad_(mine.requires_grad)
            memo[id(mine)] = theirs
        return copy.train(self.training)

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["pattern"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.pattern = torch.classes.filigree.BsrPattern(
            self.out_features, self.in_features, self.values.shape[1], self.row_offsets, self.column_indices)


def sparsify(model: nn.Module, density: float, block: int = 16,
             only: Callable[[str, nn.Linear], bool] = lambda name, layer: True) -> int:
    """Replaces each nn.Linear in `model`, in place, by SparseLinear.from_dense; gives how many.

    Layers smaller than a block stay as they are, and so do those for which only(name, layer) is false.
    Parameters change: make the optimiser afterwards.
    """
    replaced = 0
    for parent_name, parent in list(model.named_modules()):
        for name, child in list(parent.named_children()):
            full_name = f"{parent_name}.{name}" if parent_name else name
            if type(child) is not nn.Linear or min(child.in_features, child.out_features) < block:
                continue
            if not only(full_name, child):
                continue
            setattr(parent, name, SparseLinear.from_dense(child, density, block))
            if isinstance(parent, nn.TransformerEncoderLayer):
                # In evaluation it would hand all dense weights to one fused op: as for an activation that the
                # op does not know, it shall call its layers.
                parent.activation_relu_or_gelu = 0
            replaced += 1
    return replaced
