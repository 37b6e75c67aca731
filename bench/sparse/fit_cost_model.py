"""Fits the constants of src/filigree/sparse/cost_model.cc to lines of bench_sparse_fallback, by non-negative
least squares of relative errors, and prints them as rows of its tables. Needs numpy and scipy.

usage: fit_cost_model.py AVX512.jsonl AVX2.jsonl   (bench_sparse_fallback, and with FILIGREE_ISA=avx2)
"""

import json
import sys

import numpy
from scipy.optimize import nnls

BLOCKS = [1, 2, 4, 8, 16, 32]
SAMPLES = [1, 4, 16, 64, 512]
PRODUCTS = {"forward": "kForward", "grad-input": "kGradInput", "grad-weight": "kGradWeight"}
LAYOUTS = {"row-major": "kRowMajor", "token-major": "kTokenMajor"}


def fit(rows, times):
    """Costs of the rows' quantities, and the standard deviation of the times' relative error."""
    rows, times = numpy.array(rows), numpy.array(times)
    costs, _ = nnls(rows / times[:, None], numpy.ones(len(times)))
    return costs, numpy.std(numpy.log(rows @ costs / times))


def values(cell):
    places = (cell["m"] // cell["block"]) ** 2
    return min(places, round(cell["density"] * places)) * cell["block"] ** 2


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
    shares = [1 / max(cost, 0.5) for cost in costs[:6]]
    value = list(costs[6:12])
    # Blocks of 64 are cut or taken as blocks of 32 are.
    print(f"    {{{'true' if avx512 else 'false'}, {PRODUCTS[product]}, {LAYOUTS[layout]}, "
          f"{numbers(shares + shares[-1:])}, {numbers(value + value[-1:])}, {costs[12]:.2g}, {costs[13]:.2g}}},"
          f"  // error {error:.2f}")


def dense_rows(cells, gradient):
    rows, times = [], []
    for c in cells:
        rows.append(one_of(SAMPLES, c["n"], 2 * c["m"] ** 2 * c["n"]) + one_of(BLOCKS, c["block"], values(c))
                    + [4 * c["m"] ** 2])
        times.append(c["dense_seconds"] * c["peak_gflops"] * 1e9)
    costs, error = fit(rows, times)
    shares = [min(1.0, 1 / cost) if cost > 0 else 1.0 for cost in costs[:5]]
    print(f"dense {'gradient' if gradient else 'multiply'}: shares {numbers(shares)} at {SAMPLES} samples, "
          f"value {numbers(costs[5:11])}, byte {costs[11]:.2g}; error {error:.2f}")


def main():
    for path, avx512 in zip(sys.argv[1:], (True, False)):
        with open(path, encoding="utf-8") as file:
            cells = [json.loads(line) for line in file]
        for layout in LAYOUTS:
            for product in PRODUCTS:
                kernel_row([c for c in cells if (c["layout"], c["op"]) == (layout, product)], avx512, product,
                           layout)
        for gradient in (False, True):
            dense_rows([c for c in cells if (c["op"] == "grad-weight") == gradient], gradient)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
