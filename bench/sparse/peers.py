#!/usr/bin/env python3
"""Filigree's block-sparse product beside those of other libraries: Y = W X in FP32, on one thread.

    cmake --preset bench && cmake --build --preset bench
    /usr/bin/python3 -m venv --system-site-packages peers && peers/bin/pip install mkl
    taskset -c 1 peers/bin/python bench/sparse/peers.py --output peers.jsonl
    peers/bin/python bench/sparse/peers.py --output peers.jsonl --table

(Eigen, PyTorch and SciPy are Debian's libeigen3-dev, python3-torch and python3-scipy.)
Every library gets the same W (m = k, blocks at random places), X [k][n] and Y [m][n], row-major. What a library does
once for a matrix (handles, hints, optimisation, code generation, a plan) is not timed; what it does for each product
is: ours copies X into panels, LIBXSMM's is given copies of panels where its kernels want those. Every result is compared
with ours, to rounding. A turn is one product, or as many as take a millisecond; turns rotate, and a ratio is the median
over the rounds of the peer's time over ours.

Peers (--peer), those that are not here are left out:
  mkl      MKL's inspector-executor mkl_sparse_s_mm, CSR and BSR (blocks by rows, and by columns); --mkl libmkl_rt.so
  eigen    Eigen's sparse row-major matrix, compiled for this machine
  torch    PyTorch's CSR tensor
  scipy    SciPy's CSR and BSR arrays
  onednn   oneDNN's matmul with a CSR source, of version 3; --onednn libdnnl.so
  libxsmm  LIBXSMM 2's BCSC kernels, on X itself and on panels of 32 and 64 columns; --libxsmm libxsmm.so, or the
           variable FILIGREE_LIBXSMM

A line of JSON goes to --output for each library's variant and cell; what is there already is not measured again.
"""
import argparse
import collections
import ctypes
import glob
import importlib
import json
import math
import os
import statistics
import sys
import time

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
Cell = collections.namedtuple("Cell", "m k n block density")


def aligned(shape, dtype=np.float32):
    """Zeros that begin on a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start:start + size].view(dtype).reshape(shape)


def uniform(random, shape, bound):
    result = aligned(shape)
    result[...] = random.uniform(-bound, bound, size=shape)
    return result


def address(array):
    return ctypes.c_void_p(array.ctypes.data)


class Problem:
    """Operands of a cell: W in block-sparse rows (offsets, indices, values [blocks][b][b]) and as CSR."""

    def __init__(self, cell, seed=1):
        random = np.random.default_rng(seed)
        self.cell = cell
        b = cell.block
        rows, columns = cell.m // b, cell.k // b
        count = round(cell.density * rows * columns)
        places = np.sort(random.choice(rows * columns, size=count, replace=False))
        self.offsets = np.searchsorted(places, np.arange(rows + 1) * columns).astype(np.int32)
        self.indices = (places % columns).astype(np.int32)
        self.values = uniform(random, (count, b, b), math.sqrt(3 / (cell.density * cell.k)))
        self.x = uniform(random, (cell.k, cell.n), math.sqrt(3))
        self.y = aligned((cell.m, cell.n))

        element_rows = (places // columns)[:, None, None] * b + np.arange(b)[None, :, None] + np.zeros((1, 1, b), int)
        element_columns = self.indices[:, None, None] * b + np.arange(b)[None, None, :] + np.zeros((1, b, 1), int)
        order = np.lexsort((element_columns.ravel(), element_rows.ravel()))
        self.csr_indices = element_columns.ravel()[order].astype(np.int32)
        self.csr_values = aligned(order.shape)
        self.csr_values[...] = self.values.ravel()[order]
        self.csr_offsets = np.searchsorted(element_rows.ravel()[order], np.arange(cell.m + 1)).astype(np.int32)


class Ours:
    """Filigree: a plan without dense fallback."""

    def __init__(self, folder):
        path = os.path.join(folder, "bench_sparse_peers.so")
        if not os.path.exists(path):
            sys.exit(f"{path} is not there; build the preset bench, or name its folder with --build")
        self.library = ctypes.CDLL(path)
        self.library.filigree_plan.restype = ctypes.c_void_p
        self.library.filigree_isa.restype = ctypes.c_char_p
        self.library.filigree_set_threads(1)

    def isa(self):
        return self.library.filigree_isa().decode()

    def product(self, problem):
        cell = problem.cell
        plan = self.library.filigree_plan(ctypes.c_int64(cell.m), ctypes.c_int64(cell.k), cell.block,
                                          address(problem.offsets), address(problem.indices), ctypes.c_int64(cell.n))
        if not plan:
            sys.exit("Filigree refused a pattern")
        plan = ctypes.c_void_p(plan)
        multiply, n = self.library.filigree_multiply, ctypes.c_int64(cell.n)
        values, x, y = address(problem.values), address(problem.x), address(problem.y)
        return lambda: multiply(plan, values, x, n, y), lambda: self.library.filigree_destroy(plan)

    def magnitudes(self, problem):
        """|W| |X|: what rounding errors are in proportion to."""
        positive = Problem.__new__(Problem)
        positive.__dict__.update(problem.__dict__)
        positive.values, positive.x, positive.y = aligned(problem.values.shape), aligned(problem.x.shape), aligned(
            problem.y.shape)
        np.abs(problem.values, out=positive.values)
        np.abs(problem.x, out=positive.x)
        run, close = self.product(positive)
        run()
        close()
        return positive.y


# A peer gives (variant, run, close) for each of its ways to compute the product; run() leaves it in problem.y, or
# returns it.


class Mkl:
    name = "mkl"

    class Description(ctypes.Structure):
        _fields_ = [("type", ctypes.c_int), ("mode", ctypes.c_int), ("diagonal", ctypes.c_int)]

    NO_TRANSPOSE, GENERAL, ROW_MAJOR, COLUMN_MAJOR, SEQUENTIAL = 10, 20, 101, 102, 1

    def __init__(self, args):
        found = [args.mkl] if args.mkl else sorted(glob.glob(os.path.join(sys.prefix, "lib", "libmkl_rt.so*")))
        if not found:
            raise ImportError("MKL is not here: pip install mkl, or name libmkl_rt.so with --mkl")
        self.library = ctypes.CDLL(found[-1])
        self.library.MKL_Set_Threading_Layer(self.SEQUENTIAL)

    def version(self):
        text = ctypes.create_string_buffer(200)
        self.library.MKL_Get_Version_String(text, len(text))
        with open("/proc/self/maps") as maps:
            loaded = {os.path.basename(line.split()[-1]) for line in maps if "/libmkl_" in line}
        return text.value.decode().strip() + "; loaded: " + ", ".join(sorted(loaded))

    def call(self, function, *arguments):
        status = getattr(self.library, function)(*arguments)
        if status != 0:
            sys.exit(f"{function} gave status {status}")

    def products(self, problem):
        cell = problem.cell
        handles = {}
        handle = ctypes.c_void_p()
        rows = problem.csr_offsets
        self.call("mkl_sparse_s_create_csr", ctypes.byref(handle), 0, cell.m, cell.k, address(rows), address(rows[1:]),
                  address(problem.csr_indices), address(problem.csr_values))
        handles["CSR"] = handle
        # It multiplies blocks by rows that are counted from 0, and blocks by columns that are counted from 1.
        by_columns = aligned(problem.values.shape)
        by_columns[...] = problem.values.transpose(0, 2, 1)
        bsr = (("BSR, blocks by rows", 0, self.ROW_MAJOR, problem.offsets, problem.indices, problem.values),
               ("BSR, blocks by columns", 1, self.COLUMN_MAJOR, problem.offsets + 1, problem.indices + 1, by_columns))
        for variant, base, layout, rows, columns, values in bsr if cell.block > 1 else ():
            handle = ctypes.c_void_p()
            self.call("mkl_sparse_s_create_bsr", ctypes.byref(handle), base, layout, cell.m // cell.block,
                      cell.k // cell.block, cell.block, address(rows), address(rows[1:]), address(columns),
                      address(values))
            handles[variant] = handle
        general = self.Description(self.GENERAL, 0, 0)
        for variant, handle in handles.items():
            # For many products, so that the inspector does what it can; what it cannot do it says by its status.
            self.library.mkl_sparse_set_mm_hint(handle, self.NO_TRANSPOSE, general, self.ROW_MAJOR, cell.n, 1000)
            self.library.mkl_sparse_optimize(handle)

            def run(handle=handle, keep=bsr, x=address(problem.x), y=address(problem.y)):
                self.call("mkl_sparse_s_mm", self.NO_TRANSPOSE, ctypes.c_float(1), handle, general, self.ROW_MAJOR, x,
                          cell.n, cell.n, ctypes.c_float(0), y, cell.n)

            yield variant, run, lambda handle=handle: self.library.mkl_sparse_destroy(handle)


class Eigen:
    name = "eigen"

    def __init__(self, args):
        path = os.path.join(args.build, "bench_sparse_eigen.so")
        if not os.path.exists(path):
            raise ImportError("Eigen is not here: install libeigen3-dev and build again")
        self.library = ctypes.CDLL(path)
        self.library.eigen_matrix.restype = ctypes.c_void_p
        self.library.eigen_version.restype = ctypes.c_char_p

    def version(self):
        return "Eigen " + self.library.eigen_version().decode()

    def products(self, problem):
        cell = problem.cell
        matrix = ctypes.c_void_p(
            self.library.eigen_matrix(ctypes.c_int64(cell.m), ctypes.c_int64(cell.k), address(problem.csr_offsets),
                                      address(problem.csr_indices), address(problem.csr_values)))
        multiply, n, x, y = self.library.eigen_multiply, ctypes.c_int64(cell.n), address(problem.x), address(problem.y)
        yield "CSR", lambda: multiply(matrix, x, n, y), lambda: self.library.eigen_destroy(matrix)


class Torch:
    name = "torch"

    def __init__(self, args):
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(1)

    def version(self):
        mkl = self.torch.backends.mkl.is_available()
        return f"PyTorch {self.torch.__version__}, {'with' if mkl else 'without'} MKL"

    def products(self, problem):
        from_numpy, cell = self.torch.from_numpy, problem.cell
        w = self.torch.sparse_csr_tensor(from_numpy(problem.csr_offsets), from_numpy(problem.csr_indices),
                                         from_numpy(problem.csr_values), size=(cell.m, cell.k))
        x = from_numpy(problem.x)
        yield "CSR", lambda: (w @ x).numpy(), lambda: None


class Scipy:
    name = "scipy"

    def __init__(self, args):
        self.scipy = importlib.import_module("scipy")
        self.sparse = importlib.import_module("scipy.sparse")

    def version(self):
        return f"SciPy {self.scipy.__version__}"

    def products(self, problem):
        cell = problem.cell
        csr = self.sparse.csr_array((problem.csr_values, problem.csr_indices, problem.csr_offsets),
                                    shape=(cell.m, cell.k))
        yield "CSR", lambda: csr @ problem.x, lambda: None
        if cell.block > 1:
            bsr = self.sparse.bsr_array((problem.values, problem.indices, problem.offsets), shape=(cell.m, cell.k))
            yield "BSR", lambda: bsr @ problem.x, lambda: None


class OneDnn:
    name = "onednn"
    CPU, F32, S32, AB, IN_ORDER = 1, 3, 4, 3, 1

    class Version(ctypes.Structure):
        _fields_ = [("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int)]

    class Argument(ctypes.Structure):
        _fields_ = [("place", ctypes.c_int), ("memory", ctypes.c_void_p)]

    def __init__(self, args):
        if not args.onednn:
            raise ImportError("oneDNN is not named: --onednn libdnnl.so.3")
        self.library = ctypes.CDLL(args.onednn)
        self.library.dnnl_version.restype = ctypes.POINTER(self.Version)
        if not hasattr(self.library, "dnnl_memory_desc_create_with_csr_encoding"):
            raise ImportError(f"{self.version()} has no sparse matmul: it came with version 3.4")
        self.engine, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            self.call("dnnl_engine_create", ctypes.byref(self.engine), self.CPU, ctypes.c_size_t(0))
        except RuntimeError as error:
            raise ImportError(f"{error}; a build for SYCL needs Intel's OpenCL driver for CPUs: name its libintelocl.so "
                              "in OCL_ICD_FILENAMES") from error
        self.call("dnnl_stream_create", ctypes.byref(self.stream), self.engine, self.IN_ORDER)

    def version(self):
        version = self.library.dnnl_version().contents
        return f"oneDNN {version.major}.{version.minor}.{version.patch}"

    def call(self, function, *arguments):
        status = getattr(self.library, function)(*arguments)
        if status != 0:
            raise RuntimeError(f"{function} gave status {status}")

    def dense(self, array):
        shape = (ctypes.c_int64 * 2)(*array.shape)
        description, memory = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("dnnl_memory_desc_create_with_tag", ctypes.byref(description), 2, shape, self.F32, self.AB)
        self.call("dnnl_memory_create", ctypes.byref(memory), description, self.engine, address(array))
        return description, memory

    def products(self, problem):
        cell = problem.cell
        w_description, w = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("dnnl_memory_desc_create_with_csr_encoding", ctypes.byref(w_description), 2,
                  (ctypes.c_int64 * 2)(cell.m, cell.k), self.F32, ctypes.c_int64(problem.csr_values.size), self.S32,
                  self.S32)
        parts = (ctypes.c_void_p * 3)(problem.csr_values.ctypes.data, problem.csr_indices.ctypes.data,
                                      problem.csr_offsets.ctypes.data)
        self.call("dnnl_memory_create_v2", ctypes.byref(w), w_description, self.engine, 3, parts)
        x_description, x = self.dense(problem.x)
        y_description, y = self.dense(problem.y)
        description, primitive = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("dnnl_matmul_primitive_desc_create", ctypes.byref(description), self.engine, w_description,
                  x_description, None, y_description, None)
        self.call("dnnl_primitive_create", ctypes.byref(primitive), description)
        source, weights, destination = 1, 33, 17
        arguments = (self.Argument * 3)((source, w), (weights, x), (destination, y))

        def run():
            self.call("dnnl_primitive_execute", primitive, self.stream, 3, arguments)
            self.call("dnnl_stream_wait", self.stream)

        def close():
            self.call("dnnl_primitive_destroy", primitive)
            self.call("dnnl_primitive_desc_destroy", description)
            for memory in (w, x, y):
                self.call("dnnl_memory_destroy", memory)
            for described in (w_description, x_description, y_description):
                self.call("dnnl_memory_desc_destroy", described)

        yield "CSR", run, close


class Libxsmm:
    name = "libxsmm"
    F32, BETA_0 = 1, 4

    class Shape(ctypes.Structure):
        _fields_ = [(name, ctypes.c_int) for name in ("m", "n", "k", "lda", "ldb", "ldc", "a", "b", "out", "inner")]

    class Blocks(ctypes.Structure):
        _fields_ = [(name, ctypes.c_int) for name in ("width", "k", "n")]

    def __init__(self, args):
        if not args.libxsmm:
            raise ImportError("LIBXSMM is not named: --libxsmm libxsmm.so, or FILIGREE_LIBXSMM")
        self.library = ctypes.CDLL(args.libxsmm)
        self.ours = args.ours.library
        self.library.libxsmm_create_packed_spgemm_bcsc.restype = ctypes.c_void_p
        self.library.libxsmm_create_packed_spgemm_bcsc.argtypes = [self.Shape, ctypes.c_uint, ctypes.c_uint, self.Blocks]
        self.library.libxsmm_init()

    def version(self):
        self.library.libxsmm_get_target_arch.restype = ctypes.c_char_p
        return "LIBXSMM, target " + self.library.libxsmm_get_target_arch().decode()

    def products(self, problem):
        # Its dense operand comes first: X as panels [k][width], a sparse B of k x m in block-sparse columns, which
        # is W in block-sparse rows, values and all.
        cell = problem.cell
        for width in sorted({cell.n, *(w for w in (32, 64) if w < cell.n)}):
            shape = self.Shape(1, 0, cell.k, cell.k, 0, cell.m, self.F32, self.F32, self.F32, self.F32)
            kernel = self.library.libxsmm_create_packed_spgemm_bcsc(shape, self.BETA_0, 0,
                                                                    self.Blocks(width, cell.block, cell.block))
            if not kernel:
                print(f"LIBXSMM makes no kernel for {cell}, panels of {width}", file=sys.stderr)
                continue
            arguments = (ctypes.c_void_p(kernel), ctypes.c_int64(cell.m), ctypes.c_int64(cell.k),
                         ctypes.c_int64(cell.m // cell.block), address(problem.offsets), address(problem.indices),
                         address(problem.values), address(problem.x), ctypes.c_int64(cell.n), ctypes.c_int64(width),
                         address(problem.y))

            def run(arguments=arguments):
                self.ours.xsmm_multiply(*arguments)

            yield ("X itself" if width == cell.n else f"panels of {width}"), run, \
                lambda kernel=kernel: self.library.libxsmm_release_kernel(ctypes.c_void_p(kernel))


PEERS = [Mkl, Eigen, Torch, Scipy, OneDnn, Libxsmm]


def seconds(clock, run, repetitions):
    start = clock()
    for _ in range(repetitions):
        run()
    return (clock() - start) / repetitions


def rounded(value):
    return float(f"{value:.4g}")


def measure(cell, ours, peers, done, pairs, clock):
    """Yields a line of results for each variant that is not in `done`."""
    problem = Problem(cell)
    product, close_ours = ours.product(problem)
    product()
    expected = problem.y.copy()
    terms = 2 + cell.block * int(np.max(np.diff(problem.offsets)))
    allowed = (4 + 6 * math.sqrt(terms)) * 2**-24 * 2 * ours.magnitudes(problem)

    contenders = {None: (product, close_ours)}
    for peer in peers:
        for variant, run, close in peer.products(problem):
            if (peer.name, variant) in done:
                close()
                continue
            problem.y[...] = np.nan
            returned = run()
            result = problem.y if returned is None or np.isscalar(returned) else returned
            if not np.all(np.abs(result - expected) <= allowed):
                sys.exit(f"{peer.name}, {variant}: a wrong result for {cell}")
            contenders[peer.name, variant] = (run, close)

    turns = {}
    times = {key: [] for key in contenders}
    for key, (run, _) in contenders.items():
        turns[key] = min(1000, max(1, math.ceil(1e-3 / seconds(clock, run, 1))))
    for pair in range(pairs):
        keys = list(contenders)
        shift = pair % len(keys)
        for key in keys[shift:] + keys[:shift]:
            times[key].append(seconds(clock, contenders[key][0], turns[key]))
    for _, close in contenders.values():
        close()
    for key in contenders:
        if key is not None:
            yield {
                "peer": key[0], "variant": key[1], **cell._asdict(), "threads": 1, "pairs": pairs,
                "seconds": rounded(statistics.median(times[key])),
                "ours_seconds": rounded(statistics.median(times[None])),
                "ratio": rounded(statistics.median(p / o for p, o in zip(times[key], times[None])))
            }


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as lines:
        return [json.loads(line) for line in lines if line.strip()]


def cell_of(line):
    return Cell(*(line[field] for field in Cell._fields))


def mean(ratios):
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


def print_tables(lines):
    """A summary, and for each cell how many times as fast ours is as each library's best variant."""
    best = collections.defaultdict(dict)
    for line in lines:
        cell = cell_of(line)
        known = best[cell].get(line["peer"])
        if known is None or line["ratio"] < known["ratio"]:
            best[cell][line["peer"]] = line
    names = [peer.name for peer in PEERS if any(peer.name in found for found in best.values())]

    print("| peer | cells | ours as fast or faster | geometric mean | blocks of 1 | least |\n|---|---|---|---|---|---|")
    for name in names + ["best of all"]:
        ratios = {
            cell: min(line["ratio"] for peer, line in found.items() if name in (peer, "best of all"))
            for cell, found in best.items() if name == "best of all" or name in found
        }
        singles = [ratio for cell, ratio in ratios.items() if cell.block == 1]
        print(f"| {name} | {len(ratios)} | {sum(ratio >= 1 for ratio in ratios.values())} | {mean(ratios.values()):.2f} | "
              f"{mean(singles) if singles else math.nan:.2f} | {min(ratios.values()):.2f} |")

    print("\n| block | m = k | n | density | ours ms | GFLOP/s | " + " | ".join(names) + " | best variants |\n" +
          "|---" * (7 + len(names)) + "|")
    for cell in sorted(best, key=lambda c: (c.block, c.m, c.n, -c.density)):
        found = best[cell]
        ours = statistics.median(line["ours_seconds"] for line in found.values())
        rate = 2e-9 * cell.m * cell.k * cell.density * cell.n / ours
        ratios = " | ".join(f"{found[name]['ratio']:.2f}" if name in found else "" for name in names)
        variants = "; ".join(f"{name}: {found[name]['variant']}" for name in names
                             if name in found and name in ("mkl", "scipy", "libxsmm"))
        print(f"| {cell.block} | {cell.m} | {cell.n} | {cell.density:.4g} | {1e3 * ours:.2f} | {rate:.1f} | {ratios} | "
              f"{variants} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build", "bench"),
                        help="folder of bench_sparse_peers.so")
    parser.add_argument("--output", default="peers.jsonl", help="results, added to those that are there")
    parser.add_argument("--table", action="store_true", help="measure nothing; print the results as Markdown")
    parser.add_argument("--size", nargs="+", type=int, default=[2048, 4096], help="m = k")
    parser.add_argument("--n", nargs="+", type=int, default=[64, 512])
    parser.add_argument("--block", nargs="+", type=int, default=[1, 4, 8, 16])
    parser.add_argument("--density", nargs="+", type=float, default=[1 / 4, 1 / 16, 1 / 32])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--cpu-time", action="store_true", help="CPU time in place of wall time, for a busy machine")
    parser.add_argument("--peer", nargs="+", choices=[peer.name for peer in PEERS],
                        default=[peer.name for peer in PEERS])
    parser.add_argument("--mkl", help="libmkl_rt.so; default: that of this Python's environment")
    parser.add_argument("--onednn", help="libdnnl.so")
    parser.add_argument("--libxsmm", default=os.environ.get("FILIGREE_LIBXSMM"), help="libxsmm.so")
    args = parser.parse_args()
    if args.table:
        lines = read_lines(args.output)
        if not lines:
            sys.exit(f"{args.output} has no results; measure some first")
        print_tables(lines)
        return

    clock = time.process_time if args.cpu_time else time.perf_counter
    args.ours = Ours(args.build)
    peers = []
    for peer in PEERS:
        if peer.name not in args.peer:
            continue
        try:
            peers.append(peer(args))
        except ImportError as error:
            print(f"without {peer.name}: {error}", file=sys.stderr)
    with open("/proc/cpuinfo") as info:
        cpu = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    print(f"{cpu}, Filigree on {args.ours.isa()}", file=sys.stderr)

    done = collections.defaultdict(set)
    for line in read_lines(args.output):
        done[cell_of(line)].add((line["peer"], line["variant"]))
    cells = [Cell(size, size, n, block, density)
             for block in args.block for size in args.size for n in args.n for density in args.density]
    for i, cell in enumerate(cells):
        with open(args.output, "a") as output:
            for line in measure(cell, args.ours, peers, done[cell], args.pairs, clock):
                output.write(json.dumps(line) + "\n")
        print(f"{i + 1} of {len(cells)} cells", file=sys.stderr)
    for peer in peers:
        print(peer.version(), file=sys.stderr)


if __name__ == "__main__":
    main()
