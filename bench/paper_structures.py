#!/usr/bin/env python3
"""The networks of the wa-hls4ml paper at their published sizes, trained on a table of labelled networks and scored as `gnomon surrogate benchmark` does.

    bench/paper_structures.py [--only mlp|gnn|transformer] [--epochs N] [--data TABLE] [--seed N] [--checkpoints DIR]

Needs JAX (`pip install jax`), which gnomon itself does not; on CPUs. The structures as published (arXiv 2511.05615; the MLP: rule4ml, arXiv 2408.05314):

  mlp          one network a target: embeddings of strategy and io, means over the layers of each type through 64-16-32-32, then 64-128-128-64; loss on logarithms
  gnn          5 rounds of GATv2 (5 heads of 512, joined; averaged in the last) along the chain of layers with itself, normalisation, ELU, residuals;
               a learned mix of sum, mean and maximum; 516-512-256-6, dropout 0.3; AdamW 3e-3, weight decay 5e-6, gradients clipped at 1
  transformer  layer tokens and [CLS] to 512, 2 encoder layers, 8 heads, 512 wide inside, dropout 0.1, a linear head; Adam

What is not as published: `bias` and `residual` of a layer are inputs, since our labels depend on them; sizes are given as logarithms (which helps); batches of 64
and steps that fall by a cosine, for there are 2,362 networks to learn from and not 478,216 (the transformer's published step of 1e-5 would not leave the start); the
epoch that does best on the validation networks is kept. Labels are log(y + 1), standardised; answers are clipped at the largest training label, as published.
In each cell: bram dsp ff lut cycles ii; `flat` has the first four.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import pickle
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TARGETS = ["bram", "dsp", "ff", "lut", "cycles", "ii"]
NUMBERS = ["n_in", "n_out", "reuse_factor", "bias", "residual", "in_height", "in_width", "in_channels", "height", "width", "channels", "kernel", "stride"]
FIELDS = ["type", "n_in", "n_out", "reuse_factor", "activation", *NUMBERS[3:]]
TYPES = ["dense", "conv1d", "conv2d", "max_pool", "flatten"]
ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "softmax"]
BATCH = 64
HEADS, WIDTH = 5, 512
Tree = dict[str, Any]


def one_of(word: str, known: list[str], path: Path) -> list[float]:
    if word not in known:
        raise SystemExit(f"{path}: found {word!r} in a layer; known are {', '.join(known)}")
    return [float(word == each) for each in known]


class Table:
    """Networks as arrays: `tokens` (networks x layers x features, zeros behind the last layer), `count`, `globals` (strategy and io, one-hot), `means`, `y`."""

    def __init__(self, path: Path) -> None:
        csv.field_size_limit(1 << 30)
        with gzip.open(path, "rt", newline="") as file:
            rows = list(csv.DictReader(file))
        layers = [[dict(zip(FIELDS, layer.split(":"), strict=True)) for layer in row["layers"].split(";")] for row in rows]
        self.count = np.array([len(of) for of in layers])
        width = len(NUMBERS) + 1 + len(TYPES) + len(ACTIVATIONS) + 2
        self.tokens = np.zeros((len(rows), self.count.max(), width), np.float32)
        self.means = np.zeros((len(rows), len(TYPES) * (len(NUMBERS) + 1) + 2), np.float32)
        for r, (row, of) in enumerate(zip(rows, layers, strict=True)):
            bits = math.log2(1 + float(row["precision_bits"]))
            stream, resource = float(row["io"] == "io_stream"), float(row["strategy"] == "resource")
            for at, layer in enumerate(of):
                numbers = [math.log2(1 + float(layer[name])) for name in NUMBERS]
                kinds = one_of(layer["type"], TYPES, path) + one_of(layer["activation"], ACTIVATIONS, path)
                self.tokens[r, at] = [*numbers, bits, *kinds, stream, resource]
            for k, kind in enumerate(TYPES):
                mine = [self.tokens[r, at, : len(NUMBERS)] for at, layer in enumerate(of) if layer["type"] == kind]
                if mine:
                    self.means[r, k * (len(NUMBERS) + 1) :][: len(NUMBERS) + 1] = [len(mine), *np.mean(mine, axis=0)]
            self.means[r, -2:] = [bits, math.log2(1 + float(row["reuse_factor"]))]
        self.codes = np.array([[row["strategy"] == "resource", row["io"] == "io_stream"] for row in rows], np.int32)
        self.globals = np.concatenate([np.eye(2, dtype=np.float32)[self.codes[:, g]] for g in range(2)], axis=1)
        self.y = np.array([[float(row[target]) for target in TARGETS] for row in rows])
        self.flat = np.array([[float(row["flat_" + target] or "nan") for target in TARGETS[:4]] for row in rows])
        split = np.array([row["split"] for row in rows])
        self.rows = {name: np.flatnonzero(split == name) for name in ("train", "validation", "test", "exemplar")}

        learn = self.rows["train"]
        seen = self.tokens[learn][np.arange(self.tokens.shape[1]) < self.count[learn, None]]
        numeric = len(NUMBERS) + 1
        self.tokens[..., :numeric] = (self.tokens[..., :numeric] - seen[:, :numeric].mean(0)) / (seen[:, :numeric].std(0) + 1e-6)
        self.means = (self.means - self.means[learn].mean(0)) / (self.means[learn].std(0) + 1e-6)
        logs = np.log1p(self.y)
        self.shift, self.scale, self.most = logs[learn].mean(0), logs[learn].std(0), self.y[learn].max(0)
        self.z = ((logs - self.shift) / self.scale).astype(np.float32)

    def batch(self, which: np.ndarray) -> Tree:
        present = np.arange(self.tokens.shape[1]) < self.count[which, None]
        return {"tokens": self.tokens[which] * present[..., None], "present": present, "globals": self.globals[which], "means": self.means[which],
                "codes": self.codes[which], "z": self.z[which]}

    def counts(self, z: np.ndarray) -> np.ndarray:
        return np.clip(np.expm1(z * self.scale + self.shift), 0, self.most)


class Keys:
    def __init__(self, key: jax.Array) -> None:
        self.key = key

    def __call__(self) -> jax.Array:
        self.key, out = jax.random.split(self.key)
        return out


def dense(keys: Keys, n_in: int, n_out: int) -> Tree:
    return {"w": jax.random.uniform(keys(), (n_in, n_out), minval=-1, maxval=1) * math.sqrt(3 / n_in), "b": jnp.zeros(n_out)}


def apply(layer: Tree, x: jax.Array) -> jax.Array:
    return x @ layer["w"] + layer["b"]


def norm(layer: Tree, x: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * layer["g"] + layer["b"]


def dropout(key: jax.Array | None, x: jax.Array, rate: float) -> jax.Array:
    return x if key is None else x * jax.random.bernoulli(key, 1 - rate, x.shape) / (1 - rate)


def chain(keys: Keys, widths: list[int]) -> list[Tree]:
    return [dense(keys, a, b) for a, b in zip(widths, widths[1:], strict=False)]


def through(layers: list[Tree], x: jax.Array, last_too: bool) -> jax.Array:
    for at, layer in enumerate(layers):
        x = apply(layer, x)
        if last_too or at + 1 < len(layers):
            x = jax.nn.relu(x)
    return x


def mlp_start(keys: Keys, table: Table) -> Tree:
    return {target: {"words": [jax.random.normal(keys(), (2, 16)) for _ in range(2)], "numbers": chain(keys, [table.means.shape[1], 64, 16, 32, 32]),
                     "joined": chain(keys, [64, 64, 128, 128, 64, 1])} for target in TARGETS}


def mlp(p: Tree, batch: Tree, key: jax.Array | None) -> jax.Array:
    del key
    out = []
    for target in TARGETS:
        words = [table[batch["codes"][:, g]] for g, table in enumerate(p[target]["words"])]
        numbers = through(p[target]["numbers"], batch["means"], True)
        out.append(through(p[target]["joined"], jnp.concatenate([*words, numbers], axis=1), False))
    return jnp.concatenate(out, axis=1)


def gnn_start(keys: Keys, table: Table) -> Tree:
    rounds, n_in = [], table.tokens.shape[2]
    for at in range(5):
        joined = HEADS * WIDTH
        n_out = joined if at < 4 else WIDTH
        rounds.append({"from": dense(keys, n_in, joined), "to": dense(keys, n_in, joined), "a": jax.random.normal(keys(), (HEADS, WIDTH)) / math.sqrt(WIDTH), "bias": jnp.zeros(n_out),
                       "norm": {"g": jnp.ones(n_out), "b": jnp.zeros(n_out)}, **({} if n_in == n_out else {"skip": dense(keys, n_in, n_out)})})
        n_in = n_out
    return {"rounds": rounds, "mix": jnp.zeros(3), "head": chain(keys, [WIDTH + 4, 512, 256, len(TARGETS)])}


def gnn(p: Tree, batch: Tree, key: jax.Array | None) -> jax.Array:
    keys = Keys(key) if key is not None else lambda: None
    present, x = batch["present"], batch["tokens"]
    follows = (present & (jnp.arange(present.shape[1]) > 0))[..., None]
    for at, of in enumerate(p["rounds"]):
        shape = (*x.shape[:2], HEADS, WIDTH)
        source, target = apply(of["from"], x).reshape(shape), apply(of["to"], x).reshape(shape)
        before = jnp.pad(source, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]
        own, prior = (jnp.einsum("nlhc,hc->nlh", jax.nn.leaky_relu(s + target, 0.2), of["a"]) for s in (source, before))
        share = jax.nn.softmax(jnp.stack([own, jnp.where(follows, prior, -1e9)]), axis=0)[..., None]
        sent = share[0] * source + share[1] * before
        sent = (sent.reshape(*x.shape[:2], -1) if at < 4 else sent.mean(2)) + of["bias"]
        x = dropout(keys(), jax.nn.elu(norm(of["norm"], sent)), 0.3) + (apply(of["skip"], x) if "skip" in of else x)
    mask = present[..., None]
    total = (x * mask).sum(1)
    pools = [total, total / mask.sum(1), jnp.where(mask, x, -1e9).max(1)]
    pooled = sum(w * pool for w, pool in zip(jax.nn.softmax(p["mix"]), pools, strict=True))
    h = jnp.concatenate([pooled, batch["globals"]], axis=1)
    for layer in p["head"][:-1]:
        h = dropout(keys(), jax.nn.elu(apply(layer, h)), 0.3)
    return apply(p["head"][-1], h)


def transformer_start(keys: Keys, table: Table) -> Tree:
    def encoder() -> Tree:
        return {"qkv": dense(keys, WIDTH, 3 * WIDTH), "out": dense(keys, WIDTH, WIDTH), "up": dense(keys, WIDTH, 512), "down": dense(keys, 512, WIDTH),
                **{name: {"g": jnp.ones(WIDTH), "b": jnp.zeros(WIDTH)} for name in ("first", "second")}}

    slots = table.tokens.shape[1] + 1
    return {"cls": jax.random.normal(keys(), (WIDTH,)) * 0.02, "place": jax.random.normal(keys(), (slots, WIDTH)) * 0.02, "lift": dense(keys, table.tokens.shape[2], WIDTH),
            "blocks": [encoder() for _ in range(2)], "head": dense(keys, WIDTH, len(TARGETS))}


def transformer(p: Tree, batch: Tree, key: jax.Array | None) -> jax.Array:
    keys = Keys(key) if key is not None else lambda: None
    networks, heads = batch["tokens"].shape[0], 8
    x = jnp.concatenate([jnp.broadcast_to(p["cls"], (networks, 1, WIDTH)), apply(p["lift"], batch["tokens"])], axis=1) + p["place"]
    allowed = jnp.pad(batch["present"], ((0, 0), (1, 0)), constant_values=True)
    for of in p["blocks"]:
        q, k, v = jnp.moveaxis(apply(of["qkv"], x).reshape(networks, x.shape[1], 3, heads, WIDTH // heads), 2, 0)
        score = jnp.einsum("nqhc,nkhc->nhqk", q, k) / math.sqrt(WIDTH / heads)
        share = dropout(keys(), jax.nn.softmax(jnp.where(allowed[:, None, None], score, -1e9), axis=-1), 0.1)
        seen = apply(of["out"], jnp.einsum("nhqk,nkhc->nqhc", share, v).reshape(x.shape))
        x = norm(of["first"], x + dropout(keys(), seen, 0.1))
        inside = dropout(keys(), jax.nn.relu(apply(of["up"], x)), 0.1)
        x = norm(of["second"], x + dropout(keys(), apply(of["down"], inside), 0.1))
    return apply(p["head"], x[:, 0])


# name: start, network, greatest step, weight decay, epochs
MODELS = {"mlp": (mlp_start, mlp, 1e-3, 0.0, 200), "gnn": (gnn_start, gnn, 3e-3, 5e-6, 40), "transformer": (transformer_start, transformer, 5e-4, 0.0, 120)}


def learn(name: str, table: Table, epochs: int | None, seed: int, checkpoint: Path | None) -> tuple[Tree, str]:
    """Adam with the best epoch on the validation networks kept; what has been learned is taken up from `checkpoint`."""
    start, network, most, decay, usual = MODELS[name]
    epochs = epochs or usual
    p = start(Keys(jax.random.PRNGKey(seed)), table)
    zeros = jax.tree.map(jnp.zeros_like, p)
    state: Tree = {"epoch": 0, "p": p, "m": zeros, "v": zeros, "step": 0, "best": p, "least": math.inf, "at": 0, "seconds": 0.0}
    if checkpoint is not None and checkpoint.exists():
        state = pickle.loads(checkpoint.read_bytes())

    def loss(p: Tree, batch: Tree, key: jax.Array | None) -> jax.Array:
        return ((network(p, batch, key) - batch["z"]) ** 2).mean()

    def step(p: Tree, m: Tree, v: Tree, batch: Tree, key: jax.Array, rate: jax.Array, t: jax.Array) -> tuple[Tree, Tree, Tree]:
        g = jax.grad(loss)(p, batch, key)
        size = jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(g)))
        g = jax.tree.map(lambda leaf: leaf * jnp.minimum(1, 1 / (size + 1e-9)), g)
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        corrected = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return jax.tree.map(lambda w, a, b: w - corrected * a / (jnp.sqrt(b) + 1e-8) - rate * decay * w, p, m, v), m, v

    quick_step, quick_loss = jax.jit(step, donate_argnums=(0, 1, 2)), jax.jit(lambda p, batch: loss(p, batch, None))
    rows = table.rows["train"]
    batches = len(rows) // BATCH
    check = table.batch(table.rows["validation"])
    while state["epoch"] < epochs:
        began = time.process_time()
        order = np.random.default_rng([seed, state["epoch"]]).permutation(rows)
        p, m, v = (jax.tree.map(jnp.array, state[part]) for part in ("p", "m", "v"))
        for b in range(batches):
            state["step"] += 1
            done = state["step"] / (epochs * batches)
            rate = most * min(1, state["step"] / 100) * 0.5 * (1 + math.cos(math.pi * done))
            p, m, v = quick_step(p, m, v, table.batch(order[b * BATCH : (b + 1) * BATCH]), jax.random.PRNGKey(seed * 1_000_003 + state["step"]), rate, float(state["step"]))
        state |= {"p": p, "m": m, "v": v, "epoch": state["epoch"] + 1}
        error = float(quick_loss(p, check))
        if error < state["least"]:
            state |= {"least": error, "best": p, "at": state["epoch"]}
        state = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, state)
        state["seconds"] += time.process_time() - began
        if checkpoint is not None:
            partial = checkpoint.with_suffix(".partial")
            partial.write_bytes(pickle.dumps(state))
            partial.replace(checkpoint)
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(state["best"]))
    return state["best"], f"{size:,} weights, {epochs} epochs, best {state['at']}, {state['seconds']:.0f} CPU-s"


def scores(said: np.ndarray, true: np.ndarray) -> tuple[str, str, str]:
    r2, smape, rmse = [], [], []
    for p, y in zip(said.T, true.T, strict=True):
        r2.append(f"{1 - ((p - y) ** 2).sum() / ((y - y.mean()) ** 2).sum():.2f}")
        smape.append(f"{np.mean(200 * np.abs(p - y) / (np.abs(p) + np.abs(y) + 1)):.1f}")
        rmse.append(f"{np.sqrt(np.mean((p - y) ** 2)):.3g}")
    return " ".join(r2), " ".join(smape), " ".join(rmse)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(MODELS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1] / "surrogate/data/layers.csv.gz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoints", type=Path)
    args = parser.parse_args()
    table = Table(args.data)
    flat = np.flatnonzero(np.isfinite(table.flat[:, 0]))
    print("| model | networks | count | R2 | SMAPE (+1) % | RMSE |\n|---|---|---|---|---|---|")
    for name in [args.only] if args.only else MODELS:
        checkpoint = None if args.checkpoints is None else args.checkpoints / f"{name}.pickle"
        best, note = learn(name, table, args.epochs, args.seed, checkpoint)
        answer = jax.jit(lambda p, batch, network=MODELS[name][1]: network(p, batch, None))
        for subset, rows in (("test", table.rows["test"]), ("synthesised flat", flat), ("exemplars", table.rows["exemplar"])):
            said = table.counts(np.asarray(answer(best, table.batch(rows))))
            cells = scores(said[:, :4], table.flat[rows]) if subset == "synthesised flat" else scores(said, table.y[rows])
            print(f"| {name}, {note} | {subset} | {len(rows)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
