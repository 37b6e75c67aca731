#!/usr/bin/env python3
"""Holds `filigree bert prepare` against Hugging Face's tokenizers: same ids, same vocabulary, and how fast.

    python3 -m venv peers && peers/bin/pip install tokenizers numpy
    peers/bin/python bench/text/compare_tokenizers.py --filigree build/release/filigree \
        --vocab $FILIGREE_DATA/text/bert_vocab/vocab.txt \
        $FILIGREE_DATA/text/books/train.txt $FILIGREE_DATA/text/wikitext2_eval/valid.txt

Prints each differing paragraph (up to 20) and tables in Markdown; exits with 1 where ids differ. Times are the best
of --repeats runs, interleaved: seconds on the clock, and seconds of CPU, which other programs disturb less.
Filigree's are those of the whole command: start, reading, tokenising, writing. The peer's are those of
encode_batch_fast alone, on lines that are in memory already, in the batches of 1,000 that suit it best (one batch of
all lines takes it 4 times as long). With --train, both also learn 8,192 pieces from the
first text, and the two vocabularies are compared as sets (the peer's order changes from run to run).
"""

import argparse
import itertools
import os
import pathlib
import resource
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


def lines_of(path, limit):
    """The first `limit` lines that are not blank, as bytes."""
    with open(path, "rb") as file:
        lines = (line.rstrip(b"\r\n") for line in file if line.strip())
        return list(itertools.islice(lines, limit))


def clocks(body):
    """Runs `body`; gives its result and (seconds on the clock, seconds of CPU of this process and its children)."""

    def cpu():
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    start, start_cpu = time.perf_counter(), cpu()
    result = body()
    return result, (time.perf_counter() - start, cpu() - start_cpu)


def run_filigree(arguments, text, output, extra):
    command = [arguments.filigree, "bert", "prepare", str(text), "--output", str(output), "--valid-share", "0"]
    command += ["--threads", str(arguments.threads)] + extra
    run = lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return clocks(run)[1]


def encode_in_batches(peer, texts, size=1000):
    ids = []
    for first in range(0, len(texts), size):
        encodings = peer.encode_batch_fast(texts[first : first + size], add_special_tokens=False)
        ids.extend(encoding.ids for encoding in encodings)
    return ids


def compare_ids(arguments, folder, lines, cased):
    import tokenizers

    text = folder / "lines.txt"
    text.write_bytes(b"\n".join(lines) + b"\n")
    texts = [line.decode() for line in lines]
    peer = tokenizers.BertWordPieceTokenizer(arguments.vocab, lowercase=not cased)._tokenizer
    ours, theirs = [], []
    for _ in range(arguments.repeats):
        ours.append(run_filigree(arguments, text, folder / "out", ["--vocab", arguments.vocab] + ["--cased"] * cased))
        peer_ids, seconds = clocks(lambda: encode_in_batches(peer, texts))
        theirs.append(seconds)

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
    megabytes = sum(map(len, lines)) / 1e6
    row = ["cased" if cased else "uncased", len(lines), f"{megabytes:.1f}", len(ids), differences]
    return row + timings(ours, theirs, megabytes), differences


def timings(ours, theirs, megabytes):
    wall, cpu = min(t[0] for t in ours), min(t[1] for t in ours)
    peer_wall, peer_cpu = min(t[0] for t in theirs), min(t[1] for t in theirs)
    return [f"{wall:.2f}", f"{megabytes / wall:.1f}", f"{peer_wall:.2f}", f"{megabytes / peer_wall:.1f}",
            f"{peer_wall / wall:.1f}", f"{cpu:.2f}", f"{peer_cpu:.2f}", f"{peer_cpu / cpu:.1f}"]


TIMINGS = ["filigree s", "MB/s", "tokenizers s", "MB/s", "ratio", "filigree CPU s", "tokenizers CPU s", "ratio"]


def compare_training(arguments, folder, path):
    import tokenizers

    ours = run_filigree(arguments, path, folder / "trained", [])
    pieces = set((folder / "trained" / "vocab.txt").read_text().split("\n")[:-1])
    peer = tokenizers.BertWordPieceTokenizer(lowercase=True)
    train = lambda: peer.train([str(path)], vocab_size=8192, min_frequency=2, limit_alphabet=1000, show_progress=False)
    theirs = clocks(train)[1]
    shared = len(pieces & set(peer.get_vocab()))
    return [len(pieces), peer.get_vocab_size(), shared] + timings([ours], [theirs], path.stat().st_size / 1e6)


def print_table(head, rows):
    for row in [head, ["---"] * len(head)] + rows:
        print("| " + " | ".join(map(str, row)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filigree", required=True, help="the program")
    parser.add_argument("--vocab", required=True, help="vocab.txt")
    parser.add_argument("--lines", type=int, default=100_000, help="lines to compare of each text")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="learn vocabularies too")
    parser.add_argument("texts", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import tokenizers

    print(f"tokenizers {tokenizers.__version__}, {arguments.threads} threads\n")
    rows, different = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in arguments.texts:
            lines = lines_of(path, arguments.lines)
            for cased in (False, True):
                row, differences = compare_ids(arguments, folder, lines, cased)
                rows.append([f"{path.parent.name}/{path.name}"] + row)
                different += differences
        print_table(["text", "casing", "lines", "MB", "tokens", "lines that differ"] + TIMINGS, rows)
        if arguments.train:
            print()
            row = compare_training(arguments, folder, arguments.texts[0])
            print_table(["pieces", "tokenizers' pieces", "in both"] + TIMINGS, [row])
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
