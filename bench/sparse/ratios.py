#!/usr/bin/env python3
"""The rates of Filigree's block-sparse products over those of the best dense library, as docs/sparse.md shows them.

    bench/sparse/ratios.py results/              measures what is not there yet, and prints the tables
    bench/sparse/ratios.py results/ --table      prints the tables alone

Every sweep is a call of `filigree sparse bench --no-fallback --json`; its lines lie in results/SWEEP.jsonl, and a sweep whose
file is there is not measured again. One thread where a sweep does not say otherwise. All sweeps take half an hour on a
quiet machine, and mean nothing on any other.
"""
import argparse
import collections
import json
import math
import os
import statistics
import subprocess
import sys

DENSITIES = {1 / 4: "1/4", 0.1: "0.1", 1 / 16: "1/16", 1 / 32: "1/32"}


def flags(name, *values):
    return [text for value in values for text in (f"--{name}", str(value))]


ALL_PRODUCTS = flags("op", "forward", "grad-input", "grad-weight")
COLUMNS = flags("n", 64, 512)
WIDE = flags("density", "1/4", "1/16", "1/32")
BAR = flags("density", "1/4", "1/16")
BLOCKS = flags("block", 1, 4, 8, 16, 32)
PATTERNS = ("uniform", "power-law", "banded", "one-dense-row")


def token_major(rows, columns, *blocks):
    return ["--layout", "token-major", "--m", str(rows), "--k", str(columns), "--n", "2048", "--density", "0.1",
            *flags("block", *blocks), *ALL_PRODUCTS]


NETWORK_SHAPES = [(512, 512), (2048, 512), (512, 2048), (768, 768), (3072, 768), (768, 3072)]
THREADS_SWEEP = ["--m", "2048", "--n", "512", "--density", "1/16", *flags("block", 1, 4, 8, 16), *ALL_PRODUCTS,
                 *flags("pattern", *PATTERNS)]

Sweep = collections.namedtuple("Sweep", "title calls threads isa", defaults=(1, None))
SWEEPS = {
    "m2048": Sweep("FP32, m = k = 2048, warm caches", [["--m", "2048", *COLUMNS, *WIDE, *BLOCKS, *ALL_PRODUCTS]]),
    "cold": Sweep("FP32, m = k = 2048, each product once, after the dense products (--cold)",
                  [["--cold", "--m", "2048", *COLUMNS, *WIDE, *BLOCKS, *ALL_PRODUCTS]]),
    "m4096": Sweep("FP32, m = k = 4096", [["--m", "4096", *COLUMNS, *BAR, *BLOCKS, *ALL_PRODUCTS]]),
    "rect": Sweep("FP32, rectangular blocks (outputs x inputs), m = k = 2048",
                  [["--m", "2048", *COLUMNS, *WIDE, *flags("block", "1x16", "16x1", "4x1"), *ALL_PRODUCTS]]),
    "token": Sweep("FP32, token-major, 2048 tokens, density 0.1, shapes out x in",
                   [token_major(512, 512, 1, 2, 4, 8, 16, "16x1", "4x1", "1x16"),
                    *(token_major(*shape, 8, 16) for shape in NETWORK_SHAPES[1:])]),
    "bf16": Sweep("BF16 beside BF16, m = k = 2048",
                  [["--dtype", "bfloat16", "--m", "2048", *COLUMNS, *BAR, *BLOCKS,
                    *flags("op", "forward", "grad-input")]]),
    "f64": Sweep("FP64, m = k = 2048",
                 [["--dtype", "float64", "--m", "2048", *COLUMNS, *BAR, *flags("block", 1, 4, 8, 16), *ALL_PRODUCTS]]),
    "avx2": Sweep("FP32, FILIGREE_ISA=avx2 beside dense libraries on AVX-512, m = k = 2048",
                  [["--m", "2048", *COLUMNS, *BAR, *BLOCKS, *ALL_PRODUCTS]], isa="avx2"),
    "dynamic": Sweep("FP32, a dynamic pattern's rate over a static one's, m = k = 2048",
                     [["--m", "2048", *COLUMNS, *BAR, *flags("block", 1, 4, 8, 16), *flags("mode", "static", "dynamic")]]),
    "one": Sweep("", [THREADS_SWEEP]),
    "two": Sweep("FP32, two threads: the rate over twice that of one, m = k = 2048, n = 512, density 1/16",
                 [THREADS_SWEEP], threads=2),
}


def measure(program, name, path):
    sweep = SWEEPS[name]
    environment = dict(os.environ)
    if sweep.isa:
        environment["FILIGREE_ISA"] = sweep.isa
    pin = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if sweep.threads == 1 else []
    partial = path + ".partial"
    with open(partial, "w", encoding="utf-8") as file:
        for call in sweep.calls:
            print(f"{name}: {' '.join(call)}", file=sys.stderr)
            command = [*pin, program, "sparse", "bench", "--no-fallback", "--json", "--threads", str(sweep.threads), *call]
            subprocess.run(command, stdout=file, env=environment, check=True)
    os.replace(partial, path)


def density(cell):
    return min(DENSITIES, key=lambda share: abs(share - cell["density"]))


def table(heads, rows, columns):
    """rows: {row's names: {column: text}}"""
    print("| " + " | ".join([*heads, *columns.values()]) + " |")
    print("|---" * (len(heads) + len(columns)) + "|")
    for names, cells in rows.items():
        print("| " + " | ".join([*map(str, names), *(cells.get(column, "") for column in columns)]) + " |")
    print()


def by_shape(cells, text):
    """A row for each product and block; columns are shapes or densities and numbers of columns."""
    shapes = len({(cell["m"], cell["k"]) for cell in cells}) > 1
    rows = collections.OrderedDict()
    columns = {}
    for cell in cells:
        key = (cell["m"], cell["k"]) if shapes else (cell["n"], -density(cell))
        columns[key] = f"{cell['m']} x {cell['k']}" if shapes else f"n = {cell['n']}, {DENSITIES[density(cell)]}"
        rows.setdefault((cell["op"], cell["block"]), {})[key] = text(cell)
    columns = dict(columns.items() if shapes else sorted(columns.items()))
    table(["product", "block"], rows, columns)


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def ratio_text(cell):
    return f"{cell['ratio']:.2f} ({cell['gflops_nonzero']:.0f} / {cell['gflops_dense']:.0f})"


def print_dynamic(cells):
    static = {}
    for cell in cells:
        key = (cell["block"], cell["n"], cell["density"])
        if cell["mode"] == "static":
            static[key] = cell["gflops_nonzero"]
    dynamic = [cell for cell in cells if cell["mode"] == "dynamic"]

    def ratio(cell):
        return cell["gflops_nonzero"] / static[cell["block"], cell["n"], cell["density"]]

    by_shape(dynamic, lambda cell: f"{ratio(cell):.2f} ({cell['gflops_nonzero']:.0f})")
    print(f"Geometric mean {geometric_mean(map(ratio, dynamic)):.2f}.\n")


def print_threads(two, one):
    alone = {(cell["op"], cell["block"], cell["pattern"]): cell["gflops_nonzero"] for cell in one}
    rows = collections.OrderedDict()
    shares = collections.defaultdict(list)
    dense = {(cell["op"], cell["block"], cell["pattern"]): cell["gflops_dense"] for cell in one}
    for cell in two:
        rate = alone[cell["op"], cell["block"], cell["pattern"]]
        share = cell["gflops_nonzero"] / 2 / rate
        shares[cell["pattern"]].append(share)
        rows.setdefault((cell["op"], cell["block"]), {})[cell["pattern"]] = (
            f"{share:.2f} ({cell['gflops_nonzero']:.0f} / {rate:.0f})")
    mean = {pattern: f"{geometric_mean(values):.2f}" for pattern, values in shares.items()}
    rows["geometric mean", ""] = mean
    table(["product", "block"], rows, {pattern: pattern for pattern in PATTERNS})
    of_dense = geometric_mean(cell["gflops_dense"] / 2 / dense[cell["op"], cell["block"], cell["pattern"]] for cell in two)
    print(f"The dense product: {of_dense:.2f} in geometric mean.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--program", default="build/release/filigree")
    arguments = parser.parse_args()
    results = {}
    os.makedirs(arguments.folder, exist_ok=True)
    for name in SWEEPS:
        path = os.path.join(arguments.folder, name + ".jsonl")
        if not os.path.exists(path):
            if arguments.table:
                continue
            measure(arguments.program, name, path)
        with open(path, encoding="utf-8") as file:
            results[name] = [json.loads(line) for line in file]
    for name, cells in results.items():
        if name == "one" or (name == "two" and "one" not in results):
            continue
        print(f"### {SWEEPS[name].title}\n")
        if name == "dynamic":
            print_dynamic(cells)
        elif name == "two":
            print_threads(cells, results["one"])
        else:
            by_shape(cells, ratio_text)


if __name__ == "__main__":
    main()
