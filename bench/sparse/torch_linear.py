#!/usr/bin/python3
"""filigree.SparseLinear beside nn.Linear: a step (forward, gradients of input, weights and bias) of one layer.

    bench/sparse/torch_linear.py [--package build/release/python] [--shape 768x3072x2048 ...] [--density 0.5 ...]
                                 [--block 16 ...] [--threads 2] [--pairs 15]

A shape is IN x OUT x TOKENS. Dense and sparse steps are interleaved; medians are printed as a Markdown table. PyTorch
runs on OpenBLAS's OpenMP build.
"""
import argparse
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "support"))
import openblas  # noqa: E402

openblas.load_openblas_openmp()

import torch  # noqa: E402


def seconds(layer, x, gradient):
    """One step; the gradients of the step before are gone, as after an optimiser's zero_grad()."""
    layer.zero_grad(set_to_none=True)
    x.grad = None
    start = time.perf_counter()
    layer(x).backward(gradient)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", default=os.path.join(HERE, "..", "..", "build", "release", "python"))
    parser.add_argument("--shape", nargs="+", default=["512x512x2048", "512x2048x2048", "768x768x2048", "768x3072x2048",
                                                       "3072x768x2048"])
    parser.add_argument("--density", nargs="+", type=float, default=[0.5, 0.25, 0.1])
    parser.add_argument("--block", nargs="+", type=int, default=[16])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--pairs", type=int, default=15)
    args = parser.parse_args()
    sys.path.insert(0, args.package)
    import filigree

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    with open("/proc/cpuinfo") as info:
        cpu = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    print(f"{cpu}, {args.threads} thread(s), PyTorch {torch.__version__}, {openblas.loaded_blas()}; float32, medians of "
          f"{args.pairs} interleaved pairs\n")
    print("| in | out | tokens | block | density | nn.Linear ms | SparseLinear ms | times faster |\n|---|---|---|---|---|---|---|---|")
    for shape in args.shape:
        inputs, outputs, tokens = (int(part) for part in shape.split("x"))
        x = torch.randn(tokens, inputs, requires_grad=True)
        gradient = torch.randn(tokens, outputs)
        dense = torch.nn.Linear(inputs, outputs)
        for block in args.block:
            for density in args.density:
                sparse = filigree.SparseLinear(inputs, outputs, density=density, block=block)
                times = {dense: [], sparse: []}
                for layer in list(times) * 2:
                    seconds(layer, x, gradient)
                for pair in range(args.pairs):
                    for layer in (dense, sparse) if pair % 2 == 0 else (sparse, dense):
                        times[layer].append(seconds(layer, x, gradient))
                ratio = statistics.median(d / s for d, s in zip(times[dense], times[sparse]))
                print(f"| {inputs} | {outputs} | {tokens} | {block} | {density} | "
                      f"{1e3 * statistics.median(times[dense]):.1f} | {1e3 * statistics.median(times[sparse]):.1f} | "
                      f"{ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
