#!/usr/bin/python3
"""The loss curve of Filigree beside PyTorch's (dense), and of the sparse model beside its masked twin.

    bench/bert/trajectory.py --data PREPARED [--program build/release/filigree] [--work FOLDER] [--steps 200]

Same initial values, same batches, AdamW with clipping, learning rate 1e-4 falling linearly, no dropout. Prints the
largest difference of the losses over the steps and how far the loss fell; exits with 1 where a difference reaches
1e-3 or the loss falls by less than 1 nat.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch_bert

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import openblas  # noqa: E402

openblas.load_openblas_openmp()

import numpy  # noqa: E402
import torch  # noqa: E402


def filigree(args, *extra):
    command = [args.program, "bert", "pretrain", "--data", args.data, "--layers", str(args.layers), "--hidden",
               str(args.hidden), "--sequence", str(args.sequence), "--batch", str(args.batch), "--steps",
               str(args.steps), "--lr", str(args.lr), "--lr-rule", "none", "--log-every", "1", "--threads",
               str(args.threads), *extra]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def filigree_losses(args, name, *extra):
    run = os.path.join(args.work, name)
    shutil.rmtree(run, ignore_errors=True)
    filigree(args, "--run", run, *extra)
    with open(os.path.join(run, "metrics.jsonl")) as file:
        lines = [json.loads(line) for line in file]
    return [line["mlm_loss"] for line in lines if line.get("split") == "train"]


def torch_losses(args):
    recorded = os.path.join(args.work, "batches.safetensors")
    filigree(args, "--record-batches", recorded, "--record-count", str(args.steps))
    tensors = torch_bert.read_safetensors(recorded)
    vocabulary, hidden = tensors["bert.embeddings.word_embeddings.weight"].shape
    positions = tensors["bert.embeddings.position_embeddings.weight"].shape[0]
    model = torch_bert.make_model(args.layers, hidden, hidden // 64, 4 * hidden, vocabulary, positions)
    torch_bert.load_values(model, tensors)
    optimizer = torch_bert.make_optimizer(model, args.lr)
    losses = []
    for step in range(args.steps):
        part = {key: torch.from_numpy(tensors[f"{step}.{key}"].copy()) for key in ("ids", "lengths", "positions", "labels")}
        padding = torch.arange(part["ids"].shape[1])[None, :] >= part["lengths"][:, None]
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (args.steps - step) / (args.steps + 1)
        optimizer.zero_grad(set_to_none=True)
        loss = model(part["ids"].long(), part["positions"], part["labels"], padding if padding.any() else None)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder written by `filigree bert prepare`")
    parser.add_argument("--program", default="build/release/filigree")
    parser.add_argument("--work", default=None)
    for name, default in (("layers", 4), ("hidden", 256), ("sequence", 128), ("batch", 16), ("steps", 200),
                          ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--lr", type=float, default=1e-4)
    args = parser.parse_args()
    if not args.work:
        temporary = tempfile.TemporaryDirectory()  # removed at the end
        args.work = temporary.name
    torch.set_num_threads(args.threads)

    sparse = ["--density", "0.1", "--block", "16", "--updates", "4"]
    pairs = [("dense: Filigree against PyTorch", filigree_losses(args, "dense"), torch_losses(args)),
             ("density 0.1, blocks of 16, 4 updates: sparse against masked dense",
              filigree_losses(args, "sparse", *sparse), filigree_losses(args, "masked", *sparse, "--storage", "masked"))]
    print(f"PyTorch {torch.__version__}, {openblas.loaded_blas()}")
    print(f"L={args.layers} H={args.hidden} S={args.sequence} batch {args.batch}, {args.steps} steps, lr {args.lr}\n")
    print("| losses | first | last | mean of the last 10 | fell by | largest difference |")
    print("|---|---|---|---|---|---|")
    good = True
    for name, ours, other in pairs:
        ours, other = numpy.array(ours), numpy.array(other)
        difference = numpy.abs(ours - other).max()
        end = ours[-10:].mean()
        fell = ours[0] - end
        good = good and len(ours) == args.steps and difference < 1e-3 and fell >= 1
        print(f"| {name} | {ours[0]:.4f} | {ours[-1]:.4f} | {end:.4f} | {fell:.3f} | {difference:.2e} |")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
