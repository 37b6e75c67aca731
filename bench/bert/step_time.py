#!/usr/bin/python3
"""A dense training step of Filigree beside one of plain PyTorch, and Filigree's sparse step, in one run.

    bench/bert/step_time.py [--program build/release/filigree] [--rounds 3] [--layers 4 --hidden 512 ...]

Each round starts Filigree's benchmark (15 pairs of steps, interleaved) and then as many steps of PyTorch, so that
both see the same machine; the medians over rounds are printed as a Markdown table and one JSON line.
"""
import argparse
import json
import os
import sys
import statistics
import subprocess
import time

import torch_bert

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import openblas  # noqa: E402

openblas.load_openblas_openmp()

import torch  # noqa: E402


def torch_seconds(args, foreach):
    torch.manual_seed(1)
    model = torch_bert.make_model(args.layers, args.hidden, args.hidden // 64, 4 * args.hidden, args.vocabulary,
                                  max(512, args.sequence))
    optimizer = torch_bert.make_optimizer(model, 1e-4, foreach=foreach)
    times = []
    for step in range(args.pairs + 2):
        ids = torch.randint(args.vocabulary, (args.batch, args.sequence))
        positions = torch.cat([torch.randperm(args.sequence)[: args.predictions].sort().values + b * args.sequence
                               for b in range(args.batch)])
        labels = torch.randint(args.vocabulary, (len(positions),))
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = model(ids, positions, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def filigree_seconds(args):
    command = [args.program, "bert", "pretrain", "--benchmark", "--json"]
    for name in ("layers", "hidden", "sequence", "batch", "predictions", "vocabulary", "density", "block", "threads",
                 "pairs"):
        command += [f"--{name}", str(getattr(args, name))]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/filigree")
    parser.add_argument("--rounds", type=int, default=3)
    for name, default in (("layers", 4), ("hidden", 512), ("sequence", 128), ("batch", 16), ("predictions", 20),
                          ("vocabulary", 8192), ("block", 16), ("threads", 2), ("pairs", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--density", type=float, default=0.1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    ours, peers = [], {False: [], True: []}
    for _ in range(args.rounds):
        ours.append(filigree_seconds(args))
        for foreach in peers:
            peers[foreach].append(torch_seconds(args, foreach))
    dense = statistics.median(o["dense_step_seconds"] for o in ours)
    sparse = statistics.median(o["sparse_step_seconds"] for o in ours)
    ratio = statistics.median(o["ratio"] for o in ours)
    peer = min(statistics.median(times) for times in peers.values())
    flops = ours[0]["dense_step_flops"]
    print(f"CPU: {ours[0]['cpu']}, {args.threads} threads; PyTorch {torch.__version__}, {openblas.loaded_blas()}")
    print(f"L={args.layers} H={args.hidden} S={args.sequence} batch {args.batch}, vocabulary {args.vocabulary}, "
          f"{args.predictions} predictions, density {args.density}, blocks of {args.block}\n")
    print("| step | ms | GFLOP/s | against |")
    print("|---|---|---|---|")
    print(f"| PyTorch, dense | {1e3 * peer:.1f} | {flops / peer / 1e9:.0f} | 1 |")
    print(f"| Filigree, dense | {1e3 * dense:.1f} | {flops / dense / 1e9:.0f} | {dense / peer:.3f} of PyTorch |")
    print(f"| Filigree, sparse | {1e3 * sparse:.1f} | {ours[0]['sparse_step_flops'] / sparse / 1e9:.0f} | "
          f"{ratio:.3f} of Filigree dense (FLOPs allow {ours[0]['flops_ratio']:.3f}), {sparse / peer:.3f} of PyTorch |")
    print()
    print(json.dumps({"torch_seconds": peer, "dense_seconds": dense, "sparse_seconds": sparse, "ratio": ratio,
                      "rounds": args.rounds, "pairs": args.pairs}))


if __name__ == "__main__":
    main()
