"""Fits the constants of src/filigree/sparse/cost_model.cc to lines of bench_sparse_fallback, by non-negative
least squares of relative errors, and prints them as rows of its tables. Needs numpy and scipy.

usage: fit_cost_model.py AVX512.jsonl AVX2.jsonl   (bench_sparse_fallback, and with FILIGREE_ISA=avx2)
"""

import json
import sys

import numpy
from scipy.optimize import nnls

# Those of kBlockShapes that are measured; blocks of 64 are cut or taken as blocks of 32 are.
BLOCKS = ["1", "2", "4", "8", "16", "32", "1x16", "16x1", "4x1"]
# kFewColumns of sparse/kernels/kernels.h, and the blocks that have such a kernel.
FEW_COLUMNS = 8
FEW_BLOCKS = ["1", "4", "8", "16", "32"]
SAMPLES = [1, 4, 16, 64, 512]
PRODUCTS = {"forward": "kForward", "grad-input": "kGradInput", "grad-weight": "kGradWeight"}
LAYOUTS = {"row-major": "kRowMajor", "token-major": "kTokenMajor"}


def fit(rows, times):
    """Costs of the rows' quantities, and the standard deviation of the times' relative error."""
    rows, times = numpy.array(rows), numpy.array(times)
    costs, _ = nnls(rows / times[:, None], numpy.ones(len(times)))
    return costs, numpy.std(numpy.log(rows @ costs / times))


def values(cell):
    sides = [int(side) for side in cell["block"].split("x")]
    rows, columns = sides[0], sides[-1]
    places = (cell["m"] // rows) * (cell["m"] // columns)
    return min(places, round(cell["density"] * places)) * rows * columns


def few(cell):
    return cell["op"] == "forward" and cell["n"] <= FEW_COLUMNS and cell["block"] in FEW_BLOCKS


def with_64(numbers):
    return numbers[:6] + numbers[5:6] + numbers[6:]


def one_of(choices, choice, amount):
    row = [0.0] * len(choices)
    row[choices.index(choice)] = amount
    return row


def numbers(costs):
    return "{" + ", ".join(f"{cost:.2g}" for cost in costs) + "}"


def kernel_row(cells, avx512, product, layout):
    lanes = 16 if avx512 else 8
    rows, times = [], []
    for c in cells:
        filled = c["n"]
        if layout == "row-major" and product != "grad-weight":
            filled = -(-c["n"] // lanes) * lanes
        rows.append(one_of(BLOCKS, c["block"], 2 * values(c) * filled) + one_of(BLOCKS, c["block"], values(c))
                    + [8 * c["m"] * c["n"], 1])
        times.append(c["sparse_seconds"] * c["peak_gflops"] * 1e9)
    costs, error = fit(rows, times)
    count = len(BLOCKS)
    shares = [1 / max(cost, 0.5) for cost in costs[:count]]
    value = list(costs[count:2 * count])
    print(f"    {{{'true' if avx512 else 'false'}, {PRODUCTS[product]}, {LAYOUTS[layout]}, "
          f"{numbers(with_64(shares))}, {numbers(with_64(value))}, {costs[-2]:.2g}, {costs[-1]:.2g}}},"
          f"  // error {error:.2f}")


def few_row(cells, avx512):
    rows, times = [], []
    for c in cells:
        rows.append([2 * values(c) * c["n"]] + one_of(FEW_BLOCKS, c["block"], values(c)) + [8 * c["m"] * c["n"], 1])
        times.append(c["sparse_seconds"] * c["peak_gflops"] * 1e9)
    costs, error = fit(rows, times)
    print(f"few columns, {'AVX-512' if avx512 else 'AVX2'}: share {1 / max(costs[0], 0.5):.2g}, value {numbers(costs[1:-2])} of "
          f"{FEW_BLOCKS}, byte {costs[-2]:.2g}, call {costs[-1]:.2g}; error {error:.2f}")


def dense_rows(cells, gradient):
    rows, times = [], []
    for c in cells:
        rows.append(one_of(SAMPLES, c["n"], 2 * c["m"] ** 2 * c["n"]) + one_of(BLOCKS, c["block"], values(c))
                    + [4 * c["m"] ** 2])
        times.append(c["dense_seconds"] * c["peak_gflops"] * 1e9)
    costs, error = fit(rows, times)
    shares = [min(1.0, 1 / cost) if cost > 0 else 1.0 for cost in costs[:5]]
    print(f"dense {'gradient' if gradient else 'multiply'}: shares {numbers(shares)} at {SAMPLES} samples, "
          f"value {numbers(with_64(list(costs[5:-1])))}, byte {costs[-1]:.2g}; error {error:.2f}")


def main():
    for path, avx512 in zip(sys.argv[1:], (True, False)):
        with open(path, encoding="utf-8") as file:
            cells = [json.loads(line) for line in file]
        for layout in LAYOUTS:
            for product in PRODUCTS:
                kernel_row([c for c in cells if (c["layout"], c["op"]) == (layout, product) and not few(c)], avx512,
                           product, layout)
        few_row([c for c in cells if few(c)], avx512)
        for gradient in (False, True):
            dense_rows([c for c in cells if (c["op"] == "grad-weight") == gradient], gradient)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
