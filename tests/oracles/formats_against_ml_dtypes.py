"""Compares our number formats with PyPI's `ml_dtypes` and with NumPy's float16.

    pip install numpy ml_dtypes      # in a virtual environment; not part of the build
    FILIGREE_FORMAT_TABLES=tables.txt build/release/test_numerics --gtest_filter=FormatTables.*
    python formats_against_ml_dtypes.py tables.txt

An independent look at the tables that src/filigree/numerics' tests take for true (test_format_oracle.h), code by code,
and at our conversions from FP32, to nearest and not saturating, value by value. Prints what differs by design and how
often. Exits with 1 where anything else differs.
"""

import sys
from collections import defaultdict

import ml_dtypes
import numpy as np

TYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8-e4m3": ml_dtypes.float8_e4m3fn,
    "float8-e5m2": ml_dtypes.float8_e5m2,
    "float8-e4m3-fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8-e5m2-fnuz": ml_dtypes.float8_e5m2fnuz,
    "float8-e4m3-ieee": ml_dtypes.float8_e4m3,
    "float6-e3m2": ml_dtypes.float6_e3m2fn,
    "float6-e2m3": ml_dtypes.float6_e2m3fn,
    "float4-e2m1": ml_dtypes.float4_e2m1fn,
    "e8m0": ml_dtypes.float8_e8m0fnu,
}
ELEMENTS = ("float6-e3m2", "float6-e2m3", "float4-e2m1")


def read_tables(path: str) -> tuple[dict, dict]:
    """Format to codes and their values, and format to FP32's bits and the codes they become."""
    values, casts = defaultdict(list), defaultdict(list)
    with open(path, encoding="ascii") as file:
        for line in file:
            kind, name, first, second = line.split()
            if kind == "value":
                values[name].append((int(first, 16), float.fromhex(second)))
            else:
                casts[name].append((int(first, 16), int(second, 16)))
    return values, casts


def by_code(dtype, codes: np.ndarray) -> np.ndarray:
    """The values of codes, as doubles."""
    bits = np.uint16 if np.dtype(dtype).itemsize == 2 else np.uint8
    with np.errstate(invalid="ignore"):  # signalling NaN
        return codes.astype(bits).view(dtype).astype(np.float64)


def same_number(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Also the sign of zero; NaN is NaN."""
    return (np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))


def compare_values(name: str, rows: list) -> int:
    codes, ours = (np.array(column) for column in zip(*rows))
    wrong = ~same_number(ours.astype(np.float64), by_code(TYPES[name], codes))
    for code, value in list(zip(codes[wrong], ours[wrong]))[:5]:
        print(f"{name}: code {code:#x} is {value} here, {by_code(TYPES[name], np.array([code]))[0]} there")
    return int(wrong.sum())


def by_design(name: str, floats: np.ndarray) -> dict[str, np.ndarray]:
    """Where the two may differ, and why."""
    if name in ELEMENTS:
        return {"NaN, which these formats lack: the largest value here, zero there": np.isnan(floats)}
    if name == "e8m0":
        gap = (floats > 2.0**-127) & (floats < 1.5 * 2.0**-127)
        return {"between 2^-127 and 1.5 * 2^-127: the nearer one here, the upper one there": gap}
    return {}


def compare_casts(name: str, rows: list) -> int:
    bits, ours = (np.array(column) for column in zip(*rows))
    floats = bits.astype(np.uint32).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = floats.astype(TYPES[name]).view(np.uint16 if np.dtype(TYPES[name]).itemsize == 2 else np.uint8)
    # Of NaN, that it is one.
    wrong = (ours != theirs) & ~(np.isnan(by_code(TYPES[name], ours)) & np.isnan(floats))
    for reason, where in by_design(name, floats.astype(np.float64)).items():
        print(f"{name}: {int((wrong & where).sum())} of {int(where.sum())} differ by design: {reason}")
        wrong &= ~where
    for i in np.flatnonzero(wrong)[:5]:
        print(f"{name}: {floats[i]!r} ({bits[i]:#x}) is {ours[i]:#x} here, {theirs[i]:#x} there")
    return int(wrong.sum())


def main() -> int:
    values, casts = read_tables(sys.argv[1])
    failed = len(TYPES.keys() - values.keys()) + len(values.keys() - TYPES.keys())
    for name, rows in values.items():
        wrong_values, wrong_casts = compare_values(name, rows), compare_casts(name, casts[name])
        print(f"{name}: {len(rows)} codes, {wrong_values} differ; {len(casts[name])} casts, {wrong_casts} differ")
        failed += wrong_values + wrong_casts
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
