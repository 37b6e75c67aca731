"""PyTorch on OpenBLAS's OpenMP build, whatever the system's alternatives say: call load_openblas_openmp() before
anything that loads a BLAS."""
import glob
import os
import sys


def load_openblas_openmp():
    """Restarts this script with OpenBLAS's OpenMP build first, so that torch runs at its best."""
    folders = glob.glob("/usr/lib/*/openblas-openmp")
    path = os.environ.get("LD_LIBRARY_PATH", "")
    if folders and folders[0] not in path.split(":"):
        os.environ["LD_LIBRARY_PATH"] = ":".join([folders[0]] + ([path] if path else []))
        os.execv(sys.executable, [sys.executable] + sys.argv)


def loaded_blas():
    """The OpenBLAS of this process and how it threads."""
    import ctypes

    names = {0: "sequential", 1: "pthreads", 2: "OpenMP"}
    with open("/proc/self/maps") as maps:
        paths = sorted({line.split()[-1] for line in maps if "openblas" in line and ".so" in line})
    for path in paths:
        try:
            return f"{path} ({names[ctypes.CDLL(path).openblas_get_parallel()]})"
        except AttributeError:
            continue
    return "no OpenBLAS: " + ", ".join(paths)
