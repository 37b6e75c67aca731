"""BERT pre-training in plain PyTorch: the peer of `filigree bert pretrain` (dense, post-norm, no dropout).

Written for Debian's python3-torch (1.13); needs nothing else but numpy. support/openblas.py must run before torch is
imported.
"""
import json
import struct


def read_safetensors(path):
    """All tensors of a safetensors file as numpy arrays."""
    import numpy

    types = {"F32": "<f4", "I32": "<i4", "I64": "<i8", "U8": "u1"}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def make_model(layers, hidden, heads, intermediate, vocabulary, positions, eps=1e-12):
    import torch
    from torch import nn

    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(vocabulary, hidden)
            self.positions = nn.Embedding(positions, hidden)
            self.types = nn.Embedding(2, hidden)
            self.norm = nn.LayerNorm(hidden, eps=eps)
            layer = nn.TransformerEncoderLayer(hidden, heads, intermediate, dropout=0.0, activation="gelu",
                                               layer_norm_eps=eps, batch_first=True, norm_first=False)
            self.encoder = nn.TransformerEncoder(layer, layers)
            self.transform = nn.Linear(hidden, hidden)
            self.transform_norm = nn.LayerNorm(hidden, eps=eps)
            self.bias = nn.Parameter(torch.zeros(vocabulary))
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)

        def forward(self, ids, positions, labels, padding=None):
            batch, sequence = ids.shape
            x = self.words(ids) + self.positions.weight[:sequence] + self.types.weight[0]
            x = self.encoder(self.norm(x), src_key_padding_mask=padding)
            x = x.reshape(batch * sequence, -1)[positions]
            x = self.transform_norm(nn.functional.gelu(self.transform(x)))
            return nn.functional.cross_entropy(x @ self.words.weight.t() + self.bias, labels)

    return Bert()


def load_values(model, tensors):
    """Copies the values that Filigree recorded (Hugging Face's names) into the model."""
    import torch

    def put(parameter, *names):
        values = [torch.from_numpy(tensors[name].copy()) for name in names]
        with torch.no_grad():
            parameter.copy_(torch.cat(values) if len(values) > 1 else values[0])

    put(model.words.weight, "bert.embeddings.word_embeddings.weight")
    put(model.positions.weight, "bert.embeddings.position_embeddings.weight")
    put(model.types.weight, "bert.embeddings.token_type_embeddings.weight")
    put(model.norm.weight, "bert.embeddings.LayerNorm.weight")
    put(model.norm.bias, "bert.embeddings.LayerNorm.bias")
    for i, layer in enumerate(model.encoder.layers):
        prefix = f"bert.encoder.layer.{i}."
        for kind in ("weight", "bias"):
            put(getattr(layer.self_attn, f"in_proj_{kind}"),
                *(f"{prefix}attention.self.{part}.{kind}" for part in ("query", "key", "value")))
            put(getattr(layer.self_attn.out_proj, kind), f"{prefix}attention.output.dense.{kind}")
            put(getattr(layer.norm1, kind), f"{prefix}attention.output.LayerNorm.{kind}")
            put(getattr(layer.linear1, kind), f"{prefix}intermediate.dense.{kind}")
            put(getattr(layer.linear2, kind), f"{prefix}output.dense.{kind}")
            put(getattr(layer.norm2, kind), f"{prefix}output.LayerNorm.{kind}")
    head = "cls.predictions."
    for kind in ("weight", "bias"):
        put(getattr(model.transform, kind), f"{head}transform.dense.{kind}")
        put(getattr(model.transform_norm, kind), f"{head}transform.LayerNorm.{kind}")
    put(model.bias, f"{head}bias")


def make_optimizer(model, lr, weight_decay=0.01, foreach=None):
    import torch

    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-6, foreach=foreach)
