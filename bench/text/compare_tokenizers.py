#!/usr/bin/env python3
"""Holds `filigree bert prepare` against Hugging Face's tokenizers: same ids, and how fast.

    python3 -m venv peers && peers/bin/pip install tokenizers numpy
    peers/bin/python bench/text/compare_tokenizers.py --filigree build/release/filigree \
        --vocab $FILIGREE_DATA/text/bert_vocab/vocab.txt \
        $FILIGREE_DATA/text/books/train.txt $FILIGREE_DATA/text/wikitext2_eval/valid.txt

Prints each differing paragraph (up to 20) and a table in Markdown; exits with 1 where ids differ. Times are the
best of --repeats runs, interleaved. Filigree's is that of the whole command: start, reading, tokenising, writing.
The peer's is that of encode_batch_fast alone, on lines that are in memory already.
"""

import argparse
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time


def read_corpus(path):
    """Tokens and paragraph bounds of a *.corpus file (docs/formats.md, "Tokenised corpus")."""
    import numpy as np

    data = path.read_bytes()
    fields = struct.unpack_from("<8s4I4Q", data)
    magic, version, width, _pieces, _reserved, _hash, tokens, paragraphs, _documents = fields
    assert magic == b"FILCORP\n" and version == 1
    offset = 128
    ids = np.frombuffer(data, dtype="<u2" if width == 2 else "<u4", count=tokens, offset=offset)
    offset += -(-tokens * width // 64) * 64
    bounds = np.frombuffer(data, dtype="<u8", count=paragraphs + 1, offset=offset)
    return ids, bounds


def lines_of(paths, limit):
    """The first `limit` lines that are not blank, as bytes."""
    lines = []
    for path in paths:
        with open(path, "rb") as file:
            for line in file:
                if len(lines) == limit:
                    return lines
                if line.strip():
                    lines.append(line.rstrip(b"\r\n"))
    return lines


def run_filigree(arguments, text, output, cased):
    command = [arguments.filigree, "bert", "prepare", str(text), "--output", str(output), "--vocab", arguments.vocab]
    command += ["--valid-share", "0", "--threads", str(arguments.threads)] + (["--cased"] if cased else [])
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def run_peer(tokenizer, texts):
    start = time.perf_counter()
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return time.perf_counter() - start, [encoding.ids for encoding in encodings]


def compare(arguments, folder, lines, cased):
    import tokenizers

    text = folder / "lines.txt"
    text.write_bytes(b"\n".join(lines) + b"\n")
    texts = [line.decode() for line in lines]
    peer = tokenizers.BertWordPieceTokenizer(arguments.vocab, lowercase=not cased)._tokenizer
    times = {"filigree": [], "peer": []}
    for _ in range(arguments.repeats):
        times["filigree"].append(run_filigree(arguments, text, folder / "out", cased))
        seconds, peer_ids = run_peer(peer, texts)
        times["peer"].append(seconds)

    ids, bounds = read_corpus(folder / "out" / "train.corpus")
    # A line without a single piece is no paragraph of the corpus.
    pairs = [(line, wanted) for line, wanted in zip(texts, peer_ids) if wanted]
    differences = abs(len(pairs) - (len(bounds) - 1))
    if differences:
        print(f"filigree has {len(bounds) - 1} paragraphs, the peer {len(pairs)}")
    for index, (line, wanted) in enumerate(pairs[: len(bounds) - 1]):
        found = ids[bounds[index] : bounds[index + 1]].tolist()
        if found != wanted:
            differences += 1
            if differences <= 20:
                print(f"paragraph {index}: {line[:200]!r}")
                print("  filigree", [peer.id_to_token(i) for i in found if i not in wanted][:20])
                print("  peer    ", [peer.id_to_token(i) for i in wanted if i not in found][:20])
    return {
        "casing": "cased" if cased else "uncased",
        "lines": len(lines),
        "megabytes": sum(map(len, lines)) / 1e6,
        "tokens": len(ids),
        "differences": differences,
        "filigree": min(times["filigree"]),
        "peer": min(times["peer"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filigree", required=True, help="the program")
    parser.add_argument("--vocab", required=True, help="vocab.txt")
    parser.add_argument("--lines", type=int, default=100_000, help="lines to compare")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("texts", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import tokenizers

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.texts:
            lines = lines_of([path], arguments.lines)
            for cased in (False, True):
                rows.append({"text": path.parent.name + "/" + path.name}
                            | compare(arguments, pathlib.Path(folder), lines, cased))
    print(f"tokenizers {tokenizers.__version__}, {arguments.threads} threads\n")
    print("| text | casing | lines | MB | tokens | differing lines | filigree s | MB/s | tokenizers s | MB/s | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| {text} | {casing} | {lines} | {megabytes:.1f} | {tokens} | {differences} | {filigree:.2f} | {a:.1f} | "
              "{peer:.2f} | {b:.1f} | {ratio:.1f} |".format(a=row["megabytes"] / row["filigree"],
                                                          b=row["megabytes"] / row["peer"],
                                                          ratio=row["peer"] / row["filigree"], **row))
    sys.exit(1 if any(row["differences"] for row in rows) else 0)


if __name__ == "__main__":
    main()
