"""Trains a small network of the family `zoo:mbnet` on scikit-learn's handwritten digits and prints its accuracy on images it has not seen.

    echo '{"network.depth": 2, "network.width": 8}' | python -m gnomon.trainer --epochs 6
    {"accuracy": 0.93}

The network is the one that `zoo:mbnet` describes (stem, inverted residual blocks, pooling, global average, one fully connected layer), in NumPy
with float32, trained with Adam on cross entropy. Digits are 8 x 8 grey images; another `resolution` resizes them bilinearly. 70 % of the images
(stratified, fixed) are for training, 30 % for the accuracy. Same parameters and seed, same accuracy on one machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InputError
from ._lazy import need

_Array = NDArray[np.float32]
SIZES = {"depth": 3, "width": 16, "kernel": 3, "expansion": 4, "resolution": 8}


def digits(resolution: int) -> tuple[_Array, NDArray[np.int64], _Array, NDArray[np.int64]]:
    """Training and test images [n, 1, resolution, resolution] of mean 0 and about unit spread, and their classes."""
    data = need("sklearn.datasets", "the trainer").load_digits()
    images = data.images.astype(np.float32) / 16
    if resolution != 8:
        at = np.clip((np.arange(resolution) + 0.5) * 8 / resolution - 0.5, 0, 7)
        low = np.floor(at).astype(int)
        high, share = np.minimum(low + 1, 7), (at - low).astype(np.float32)
        images = images[:, low] * (1 - share)[:, None] + images[:, high] * share[:, None]
        images = images[:, :, low] * (1 - share) + images[:, :, high] * share
    images = ((images - images.mean()) / images.std())[:, None].astype(np.float32)
    target = data.target.astype(np.int64)
    test = np.zeros(len(target), dtype=bool)
    for c in range(10):
        members = np.flatnonzero(target == c)
        test[members[2::10]] = test[members[5::10]] = test[members[8::10]] = True
    return images[~test], target[~test], images[test], target[test]


class _Layer:
    """Parameters with Adam; `forward` keeps what `backward` needs."""

    weight: _Array
    bias: _Array

    def start(self, shape: tuple[int, ...], fan: int, outputs: int, rng: np.random.Generator) -> None:
        self.weight = (rng.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.moments = [np.zeros_like(p) for p in (self.weight, self.weight, self.bias, self.bias)]

    def adapt(self, weight: _Array, bias: _Array, rate: float, step: int) -> None:
        for parameter, gradient, at in ((self.weight, weight, 0), (self.bias, bias, 2)):
            first, second = self.moments[at], self.moments[at + 1]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient * gradient - second)
            parameter -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)


class _Conv(_Layer):
    """Convolution with stride 1 and equal padding; depthwise where `groups` is the number of channels. Taps are looped over, pixels are not."""

    def __init__(self, inputs: int, outputs: int, kernel: int, depthwise: bool, rng: np.random.Generator) -> None:
        self.kernel, self.depthwise = kernel, depthwise
        fan = kernel * kernel * (1 if depthwise else inputs)
        self.start((kernel, kernel, inputs) if depthwise else (kernel, kernel, inputs, outputs), fan, outputs, rng)

    def forward(self, x: _Array) -> _Array:
        pad, (n, h, w, _) = self.kernel // 2, x.shape
        self.padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0))) if pad else x
        out = np.zeros((n, h, w, self.bias.size), np.float32) + self.bias
        for i in range(self.kernel):
            for j in range(self.kernel):
                window = self.padded[:, i : i + h, j : j + w]
                out += window * self.weight[i, j] if self.depthwise else window @ self.weight[i, j]
        return out

    def backward(self, gradient: _Array, rate: float, step: int) -> _Array:
        n, h, w, _ = gradient.shape
        back, weight = np.zeros_like(self.padded), np.zeros_like(self.weight)
        flat = gradient.reshape(-1, gradient.shape[3])
        for i in range(self.kernel):
            for j in range(self.kernel):
                window = self.padded[:, i : i + h, j : j + w]
                if self.depthwise:
                    weight[i, j] = (window * gradient).sum((0, 1, 2))
                    back[:, i : i + h, j : j + w] += gradient * self.weight[i, j]
                else:
                    weight[i, j] = window.reshape(-1, window.shape[3]).T @ flat
                    back[:, i : i + h, j : j + w] += gradient @ self.weight[i, j].T
        self.adapt(weight, flat.sum(0), rate, step)
        pad = self.kernel // 2
        return back[:, pad : pad + h, pad : pad + w]


class _Relu:
    def forward(self, x: _Array) -> _Array:
        self.on = x > 0
        return x * self.on

    def backward(self, gradient: _Array, rate: float, step: int) -> _Array:
        return gradient * self.on


class _Pool:
    """2 x 2 maximum; an odd last row or column is left out."""

    def forward(self, x: _Array) -> _Array:
        n, h, w, c = x.shape
        self.shape = x.shape
        blocks = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
        out: _Array = blocks.max((2, 4))
        hit = blocks == out[:, :, None, :, None]
        self.share = hit / hit.sum((2, 4), keepdims=True)
        return out

    def backward(self, gradient: _Array, rate: float, step: int) -> _Array:
        n, h, w, c = self.shape
        back = np.zeros(self.shape, np.float32)
        back[:, : h // 2 * 2, : w // 2 * 2] = (self.share * gradient[:, :, None, :, None]).reshape(n, h // 2 * 2, w // 2 * 2, c)
        return back


class _Block:
    def __init__(self, width: int, wide: int, kernel: int, rng: np.random.Generator) -> None:
        self.layers: list[Any] = [_Conv(width, wide, 1, False, rng), _Relu(), _Conv(wide, wide, kernel, True, rng), _Relu(), _Conv(wide, width, 1, False, rng)]

    def forward(self, x: _Array) -> _Array:
        y = x
        for layer in self.layers:
            y = layer.forward(y)
        return x + y

    def backward(self, gradient: _Array, rate: float, step: int) -> _Array:
        y = gradient
        for layer in reversed(self.layers):
            y = layer.backward(y, rate, step)
        return gradient + y


class Network:
    def __init__(self, depth: int, width: int, kernel: int, expansion: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.layers: list[Any] = [_Conv(1, width, 3, False, rng), _Relu()]
        for i in range(depth):
            self.layers.append(_Block(width, width * expansion, kernel, rng))
            if i == (depth - 1) // 2:
                self.layers.append(_Pool())
        self.head = _Layer()
        self.head.start((width, 10), width, 10, rng)

    def scores(self, images: _Array) -> _Array:
        x = images.transpose(0, 2, 3, 1)
        for layer in self.layers:
            x = layer.forward(x)
        self.last, self.size = x.mean((1, 2)), x.shape
        out: _Array = self.last @ self.head.weight + self.head.bias
        return out

    def learn(self, images: _Array, classes: NDArray[np.int64], rate: float, step: int) -> float:
        scores = self.scores(images)
        scores -= scores.max(1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(1, keepdims=True)
        rows = np.arange(len(classes))
        loss = float(-np.log(chances[rows, classes] + 1e-12).mean())
        chances[rows, classes] -= 1
        gradient = (chances / len(classes)).astype(np.float32)
        back = gradient @ self.head.weight.T
        self.head.adapt(self.last.T @ gradient, gradient.sum(0), rate, step)
        n, h, w, c = self.size
        spread: _Array = np.broadcast_to(back[:, None, None] / (h * w), self.size).astype(np.float32)
        for layer in reversed(self.layers):
            spread = layer.backward(spread, rate, step)
        return loss


def train(sizes: dict[str, int], *, epochs: int = 12, seed: int = 0, batch: int = 64) -> float:
    """Accuracy on the test images after training from scratch."""
    x, y, test_x, test_y = digits(sizes["resolution"])
    network = Network(sizes["depth"], sizes["width"], sizes["kernel"], sizes["expansion"], seed)
    rng = np.random.default_rng(seed + 1)
    steps, step = epochs * (len(x) // batch), 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            step += 1
            chosen = order[start : start + batch]
            network.learn(x[chosen], y[chosen], 0.01 * 0.5 * (1 + np.cos(np.pi * step / steps)), step)
    return float((network.scores(test_x).argmax(1) == test_y).mean())


def sizes_of(parameters: dict[str, Any]) -> dict[str, int]:
    """The network's sizes from a campaign's parameters (`network.depth`, ...); others are not the trainer's."""
    out = dict(SIZES)
    for name, value in parameters.items():
        part = name.removeprefix("network.")
        if part == name:
            continue
        if part not in SIZES:
            raise InputError(f'trainer: unknown size "{part}"; allowed: {", ".join(SIZES)}')
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
            raise InputError(f"trainer: {part}: found {value!r}; allowed: whole numbers from 1 to 256")
        out[part] = value
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gnomon.trainer", description="Train a zoo:mbnet on scikit-learn's digits; parameters as JSON on stdin.")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the training images")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order of images")
    options = parser.parse_args()
    try:
        sizes = sizes_of(json.load(sys.stdin))
        print(json.dumps({"accuracy": train(sizes, epochs=options.epochs, seed=options.seed)}))
    except (InputError, json.JSONDecodeError) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
