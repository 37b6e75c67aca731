"""Filigree's ops in PyTorch: block-sparse linear layers, on the CPU.

    import filigree
    filigree.sparsify(model, density=0.25, block=16)   # a trained model: its largest blocks stay
    layer = filigree.SparseLinear(512, 2048, density=0.1)   # a new one
"""

import os
import pathlib

import torch

_LIBRARY = "libfiligree_torch.so"


def _load() -> None:
    """Registers torch.ops.filigree.* and torch.classes.filigree.BsrPattern."""
    path = pathlib.Path(os.environ.get("FILIGREE_LIBRARY") or pathlib.Path(__file__).parent / _LIBRARY)
    if not path.is_file():
        raise ImportError(
            f"there is no {path}: build it (scripts/test release, or ninja filigree_torch), "
            f"or name another in FILIGREE_LIBRARY")
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        raise ImportError(
            f"{path} does not load into PyTorch {torch.__version__}; it was built against another: {error}") from error


_load()

from .sparse import SparseLinear, sparsify  # noqa: E402 (the ops come first)

__all__ = ["SparseLinear", "sparsify"]
