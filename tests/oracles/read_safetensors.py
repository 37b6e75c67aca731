"""Reads safetensors files of ours with PyPI's `safetensors` and recomputes their checksum.

    pip install safetensors numpy xxhash      # in a virtual environment; not part of the build
    python read_safetensors.py RUN/checkpoints/step-*.safetensors

An independent look at what src/filigree/numerics/safetensors.cc writes: the file opens, and the checksum is what
docs/formats.md says. Exits with 1 where it is not.
"""

import json
import struct
import sys

import xxhash
from safetensors.numpy import load_file


def checksum(content: bytes) -> tuple[str, str]:
    """The stored checksum and the one computed from the rest of the file."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    stored = header["__metadata__"].pop("filigree.checksum")
    if not header["__metadata__"]:
        del header["__metadata__"]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return stored, xxhash.xxh3_128_hexdigest(text + content[8 + length :])


def main() -> int:
    failed = 0
    for path in sys.argv[1:]:
        for name, tensor in load_file(path).items():
            print(f"{path}: {name} {tensor.dtype} {list(tensor.shape)} sum {tensor.sum():.9g}")
        with open(path, "rb") as file:
            stored, computed = checksum(file.read())
        print(f"{path}: checksum {stored}, computed {computed}")
        failed += stored != computed
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
