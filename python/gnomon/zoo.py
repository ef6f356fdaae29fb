"""Writes the built-in models as ONNX files: the same operators, names and shapes as `zoo:NAME`, weights without content.

    python -m gnomon.zoo resnet50 -o resnet50.onnx
    python -m gnomon.zoo bert_base --seq 384 -o bert.onnx

Every weight is a ConstantOfShape node, so a file has some kilobytes, passes onnx.checker and runs in any ONNX runtime. Models are in the
form they have at inference: batch normalisation folded into filters and biases. Needs the `onnx` package.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

SIZE, HEADS = 768, 12
HEAD_SIZE, INNER = SIZE // HEADS, 4 * SIZE


class Builder:
    """A graph written node by node; each method returns the name of the tensor that it writes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[str] = []
        self.constants: list[Any] = []

    def input(self, name: str, shape: Sequence[int], whole: bool = False) -> str:
        from onnx import TensorProto, helper

        kind = TensorProto.INT64 if whole else TensorProto.FLOAT
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str) -> None:
        self.outputs.append(name)

    def weight(self, name: str, shape: Sequence[int]) -> str:
        from onnx import TensorProto, helper

        self.constants.append(helper.make_tensor(name + ".dims", TensorProto.INT64, [len(shape)], list(shape)))
        fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.5])
        self.nodes.append(helper.make_node("ConstantOfShape", [name + ".dims"], [name], name=name, value=fill))
        return name

    def numbers(self, name: str, values: Sequence[int]) -> str:
        from onnx import TensorProto, helper

        self.constants.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], list(values)))
        return name

    def scalar(self, name: str, value: float) -> str:
        from onnx import TensorProto, helper

        self.constants.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
        return name

    def node(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [name + "_out"], name=name, **attributes))
        return name + "_out"

    def conv(self, name: str, x: str, into: int, out: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1) -> str:
        filters = self.weight(name + ".weight", [out, into // groups, kernel, kernel])
        bias = self.weight(name + ".bias", [out])
        return self.node("Conv", name, [x, filters, bias], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def conv_relu(self, name: str, x: str, into: int, out: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1) -> str:
        return self.node("Relu", name + ".relu", [self.conv(name, x, into, out, kernel, stride, pad, groups)])

    def max_pool(self, name: str, x: str, kernel: int, stride: int, pad: int = 0) -> str:
        return self.node("MaxPool", name, [x], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def gemm(self, name: str, x: str, into: int, out: int) -> str:
        return self.node("Gemm", name, [x, self.weight(name + ".weight", [out, into]), self.weight(name + ".bias", [out])], transB=1)

    def linear(self, name: str, x: str, into: int, out: int) -> str:
        product = self.node("MatMul", name, [x, self.weight(name + ".weight", [into, out])])
        return self.node("Add", name + ".add", [product, self.weight(name + ".bias", [out])])

    def layer_norm(self, name: str, x: str, size: int = SIZE) -> str:
        scale, shift = self.weight(name + ".weight", [size]), self.weight(name + ".bias", [size])
        return self.node("LayerNormalization", name, [x, scale, shift], axis=-1)

    def reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        return self.node("Reshape", name, [x, self.numbers(name + ".shape", shape)])

    def transpose(self, name: str, x: str, order: Sequence[int]) -> str:
        return self.node("Transpose", name, [x], perm=list(order))

    def flatten(self, x: str) -> str:
        return self.node("Flatten", "flatten", [x], axis=1)

    def classifier(self, x: str, channels: int, name: str) -> None:
        pooled = self.node("GlobalAveragePool", "avgpool", [x])
        self.output(self.gemm(name, self.flatten(pooled), channels, 1000))

    def model(self) -> Any:
        from onnx import checker, helper, shape_inference

        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, outputs, self.constants)
        model = helper.make_model(graph, producer_name="gnomon", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        inferred = {v.name: v for v in shape_inference.infer_shapes(model).graph.output}
        for value in graph.output:
            value.CopyFrom(inferred[value.name])
        del model.graph.output[:]
        model.graph.output.extend(graph.output)
        checker.check_model(model)
        return model


def alexnet(b: Builder, batch: int, seq: int) -> None:
    x = b.conv_relu("features.0", b.input("input", [batch, 3, 224, 224]), 3, 64, 11, stride=4, pad=2)
    x = b.max_pool("features.2", x, 3, 2)
    x = b.conv_relu("features.3", x, 64, 192, 5, pad=2)
    x = b.max_pool("features.5", x, 3, 2)
    x = b.conv_relu("features.6", x, 192, 384, 3, pad=1)
    x = b.conv_relu("features.8", x, 384, 256, 3, pad=1)
    x = b.conv_relu("features.10", x, 256, 256, 3, pad=1)
    x = b.flatten(b.max_pool("features.12", x, 3, 2))
    x = b.node("Relu", "classifier.1.relu", [b.gemm("classifier.1", x, 256 * 6 * 6, 4096)])
    x = b.node("Relu", "classifier.4.relu", [b.gemm("classifier.4", x, 4096, 4096)])
    b.output(b.gemm("classifier.6", x, 4096, 1000))


def vgg16(b: Builder, batch: int, seq: int) -> None:
    x, into, layer = b.input("input", [batch, 3, 224, 224]), 3, 0
    for out, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = b.conv_relu(f"features.{layer}", x, into, out, 3, pad=1)
            into, layer = out, layer + 2
        x = b.max_pool(f"features.{layer}", x, 2, 2)
        layer += 1
    x = b.flatten(x)
    x = b.node("Relu", "classifier.0.relu", [b.gemm("classifier.0", x, 512 * 7 * 7, 4096)])
    x = b.node("Relu", "classifier.3.relu", [b.gemm("classifier.3", x, 4096, 4096)])
    b.output(b.gemm("classifier.6", x, 4096, 1000))


def resnet_stem(b: Builder, batch: int) -> str:
    return b.max_pool("maxpool", b.conv_relu("conv1", b.input("input", [batch, 3, 224, 224]), 3, 64, 7, stride=2, pad=3), 3, 2, 1)


def resnet18(b: Builder, batch: int, seq: int) -> None:
    x, into = resnet_stem(b, batch), 64
    for stage in range(1, 5):
        out = 64 << (stage - 1)
        for block in range(2):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = b.conv_relu(name + ".conv1", x, into, out, 3, stride=stride, pad=1)
            y = b.conv(name + ".conv2", y, out, out, 3, pad=1)
            if stride != 1:
                x = b.conv(name + ".downsample", x, into, out, 1, stride=stride)
            x = b.node("Relu", name + ".relu", [b.node("Add", name + ".add", [y, x])])
            into = out
    b.classifier(x, 512, "fc")


def resnet50(b: Builder, batch: int, seq: int) -> None:
    x, into = resnet_stem(b, batch), 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 64 << (stage - 1)
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = b.conv_relu(name + ".conv1", x, into, width, 1)
            y = b.conv_relu(name + ".conv2", y, width, width, 3, stride=stride, pad=1)
            y = b.conv(name + ".conv3", y, width, 4 * width, 1)
            if block == 0:
                x = b.conv(name + ".downsample", x, into, 4 * width, 1, stride=stride)
            x = b.node("Relu", name + ".relu", [b.node("Add", name + ".add", [y, x])])
            into = 4 * width
    b.classifier(x, 2048, "fc")


def mobilenet_v1(b: Builder, batch: int, seq: int) -> None:
    x, into = b.conv_relu("conv0", b.input("input", [batch, 3, 224, 224]), 3, 32, 3, stride=2, pad=1), 32
    steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for index, (out, stride) in enumerate(steps, start=1):
        x = b.conv_relu(f"dw{index}", x, into, into, 3, stride=stride, pad=1, groups=into)
        x = b.conv_relu(f"pw{index}", x, into, out, 1)
        into = out
    b.classifier(x, 1024, "fc")


def mobilenet_v2(b: Builder, batch: int, seq: int) -> None:
    low, high = b.scalar("relu6.min", 0.0), b.scalar("relu6.max", 6.0)

    def conv_relu6(name: str, x: str, into: int, out: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1) -> str:
        return b.node("Clip", name + ".relu6", [b.conv(name, x, into, out, kernel, stride, pad, groups), low, high])

    x, into, index = conv_relu6("features.0", b.input("input", [batch, 3, 224, 224]), 3, 32, 3, stride=2, pad=1), 32, 1
    for expand, out, count, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for repeat in range(count):
            name, stride, width = f"features.{index}", first if repeat == 0 else 1, into * expand
            y = x if expand == 1 else conv_relu6(name + ".expand", x, into, width, 1)
            y = conv_relu6(name + ".depthwise", y, width, width, 3, stride=stride, pad=1, groups=width)
            y = b.conv(name + ".project", y, width, out, 1)
            x = b.node("Add", name + ".add", [x, y]) if stride == 1 and into == out else y
            into, index = out, index + 1
    x = conv_relu6("features.18", x, 320, 1280, 1)
    b.classifier(x, 1280, "classifier.1")


def split_heads(b: Builder, name: str, x: str, batch: int, tokens: int) -> str:
    return b.transpose(name + ".heads", b.reshape(name + ".split", x, [batch, tokens, HEADS, HEAD_SIZE]), [0, 2, 1, 3])


def attend(b: Builder, name: str, q: str, k: str, v: str, mask: str, batch: int, tokens: int) -> str:
    scores = b.node("MatMul", name + ".scores", [q, b.transpose(name + ".k_t", k, [0, 1, 3, 2])])
    scores = b.node("Mul", name + ".scale", [scores, b.scalar(name + ".scale.factor", 0.125)])
    if mask:
        scores = b.node("Add", name + ".mask", [scores, mask])
    mixed = b.node("MatMul", name + ".context", [b.node("Softmax", name + ".softmax", [scores], axis=-1), v])
    return b.reshape(name + ".merge", b.transpose(name + ".tokens", mixed, [0, 2, 1, 3]), [batch, tokens, SIZE])


def gelu_erf(b: Builder, name: str, x: str) -> str:
    y = b.node("Erf", name + ".erf", [b.node("Div", name + ".div", [x, b.scalar(name + ".root2", 1.41421356)])])
    y = b.node("Mul", name + ".mul", [x, b.node("Add", name + ".add", [y, b.scalar(name + ".one", 1.0)])])
    return b.node("Mul", name + ".half", [y, b.scalar(name + ".half.factor", 0.5)])


def gelu_tanh(b: Builder, name: str, x: str) -> str:
    y = b.node("Pow", name + ".cube", [x, b.scalar(name + ".three", 3.0)])
    y = b.node("Mul", name + ".scale", [y, b.scalar(name + ".cubic", 0.044715)])
    y = b.node("Mul", name + ".mul", [b.node("Add", name + ".sum", [x, y]), b.scalar(name + ".root", 0.79788456)])
    y = b.node("Add", name + ".add", [b.node("Tanh", name + ".tanh", [y]), b.scalar(name + ".one", 1.0)])
    return b.node("Mul", name + ".half", [b.node("Mul", name + ".product", [x, y]), b.scalar(name + ".half.factor", 0.5)])


def project(b: Builder, name: str, x: str, batch: int, tokens: int) -> list[str]:
    qkv, parts = b.linear(name + ".qkv", x, SIZE, 3 * SIZE), []
    for i, letter in enumerate("qkv"):
        part = f"{name}.qkv.{letter}"
        limits = [b.numbers(part + ".start", [i * SIZE]), b.numbers(part + ".end", [(i + 1) * SIZE]), b.numbers(part + ".axis", [2])]
        parts.append(split_heads(b, part, b.node("Slice", part, [qkv, *limits]), batch, tokens))
    return parts


def encoder_block(b: Builder, name: str, x: str, batch: int, tokens: int) -> str:
    """A pre-norm block of ViT."""
    q, k, v = project(b, name + ".attn", b.layer_norm(name + ".norm_1", x), batch, tokens)
    x = b.node("Add", name + ".add_1", [x, b.linear(name + ".attn.proj", attend(b, name + ".attn", q, k, v, "", batch, tokens), SIZE, SIZE)])
    y = b.linear(name + ".mlp.fc", b.layer_norm(name + ".norm_2", x), SIZE, INNER)
    return b.node("Add", name + ".add_2", [x, b.linear(name + ".mlp.proj", gelu_erf(b, name + ".mlp.gelu", y), INNER, SIZE)])


def vit_b16(b: Builder, batch: int, seq: int) -> None:
    patches = 196
    x = b.conv("patches", b.input("input", [batch, 3, 224, 224]), 3, SIZE, 16, stride=16)
    x = b.transpose("patches.tokens", b.reshape("patches.flat", x, [batch, SIZE, patches]), [0, 2, 1])
    token = b.node("Expand", "class_token", [b.weight("class_token.weight", [1, 1, SIZE]), b.numbers("class_token.shape", [batch, 1, SIZE])])
    x = b.node("Concat", "tokens", [token, x], axis=1)
    x = b.node("Add", "positions", [x, b.weight("positions.weight", [1, patches + 1, SIZE])])
    for layer in range(12):
        x = encoder_block(b, f"encoder.{layer}", x, batch, patches + 1)
    first = b.node("Gather", "class", [b.layer_norm("norm", x), b.numbers("class.index", [0])], axis=1)
    b.output(b.gemm("head", b.reshape("class.row", first, [batch, SIZE]), SIZE, 1000))


def bert_base(b: Builder, batch: int, seq: int) -> None:
    def embedding(name: str, ids: str, rows: int) -> str:
        return b.node("Gather", name, [b.weight(name + ".weight", [rows, SIZE]), ids], axis=0)

    x = embedding("embeddings.word", b.input("input_ids", [batch, seq], whole=True), 30522)
    x = b.node("Add", "embeddings.add_1", [x, embedding("embeddings.position", b.input("position_ids", [batch, seq], whole=True), 512)])
    x = b.node("Add", "embeddings.add_2", [x, embedding("embeddings.token_type", b.input("token_type_ids", [batch, seq], whole=True), 2)])
    x = b.layer_norm("embeddings.norm", x)
    mask = b.input("attention_mask", [batch, 1, 1, seq])
    for layer in range(12):
        name = f"encoder.{layer}"
        q, k, v = (split_heads(b, f"{name}.{word[0]}", b.linear(f"{name}.{word}", x, SIZE, SIZE), batch, seq) for word in ("query", "key", "value"))
        mixed = attend(b, name + ".attention", q, k, v, mask, batch, seq)
        x = b.layer_norm(name + ".norm_1", b.node("Add", name + ".add_1", [b.linear(name + ".attention.output", mixed, SIZE, SIZE), x]))
        y = gelu_erf(b, name + ".gelu", b.linear(name + ".intermediate", x, SIZE, INNER))
        x = b.layer_norm(name + ".norm_2", b.node("Add", name + ".add_2", [b.linear(name + ".output", y, INNER, SIZE), x]))
    b.output(x)
    first = b.node("Gather", "pooler.first", [x, b.numbers("pooler.index", [0])], axis=1)
    b.output(b.node("Tanh", "pooler.tanh", [b.gemm("pooler", b.reshape("pooler.row", first, [batch, SIZE]), SIZE, SIZE)]))


def gpt2(b: Builder, batch: int, tokens: int, past: int) -> None:
    words = b.weight("wte.weight", [50257, SIZE])
    x = b.node("Gather", "wte", [words, b.input("input_ids", [batch, tokens], whole=True)], axis=0)
    positions = b.weight("wpe.weight", [1024, SIZE])
    place = b.node("Gather", "wpe", [positions, b.input("position_ids", [batch, tokens], whole=True)], axis=0)
    x = b.node("Add", "embed", [x, place])
    mask = b.input("mask", [1, 1, tokens, tokens + past]) if tokens > 1 else ""
    for layer in range(12):
        name = f"h.{layer}"
        q, k, v = project(b, name + ".attn", b.layer_norm(name + ".ln_1", x), batch, tokens)
        if past:
            k = b.node("Concat", name + ".attn.keys", [b.input(name + ".past_keys", [batch, HEADS, past, HEAD_SIZE]), k], axis=2)
            v = b.node("Concat", name + ".attn.values", [b.input(name + ".past_values", [batch, HEADS, past, HEAD_SIZE]), v], axis=2)
            b.output(k)
            b.output(v)
        mixed = attend(b, name + ".attn", q, k, v, mask, batch, tokens)
        x = b.node("Add", name + ".add_1", [x, b.linear(name + ".attn.proj", mixed, SIZE, SIZE)])
        y = gelu_tanh(b, name + ".mlp.gelu", b.linear(name + ".mlp.fc", b.layer_norm(name + ".ln_2", x), SIZE, INNER))
        x = b.node("Add", name + ".add_2", [x, b.linear(name + ".mlp.proj", y, INNER, SIZE)])
    rows = b.reshape("rows", b.layer_norm("ln_f", x), [batch * tokens, SIZE])
    b.output(b.node("Gemm", "lm_head", [rows, words], transB=1))


def gpt2_prefill(b: Builder, batch: int, seq: int) -> None:
    gpt2(b, batch, seq, 0)


def gpt2_decode(b: Builder, batch: int, seq: int) -> None:
    gpt2(b, batch, 1, seq - 1)


class Entry(NamedTuple):
    build: Callable[[Builder, int, int], None]
    seq: int = 0  # tokens unless asked otherwise; 0 where the model has none to choose
    shortest: int = 1
    longest: int = 0


MODELS = {
    "alexnet": Entry(alexnet),
    "bert_base": Entry(bert_base, 128, 1, 512),
    "gpt2_decode": Entry(gpt2_decode, 1024, 2, 1024),
    "gpt2_prefill": Entry(gpt2_prefill, 1024, 1, 1024),
    "mobilenet_v1": Entry(mobilenet_v1),
    "mobilenet_v2": Entry(mobilenet_v2),
    "resnet18": Entry(resnet18),
    "resnet50": Entry(resnet50),
    "vgg16": Entry(vgg16),
    "vit_b16": Entry(vit_b16),
}


def build(name: str, batch: int = 1, seq: int | None = None) -> Any:
    """The model as an `onnx.ModelProto` (opset 17). `seq`: tokens, for the text models; the model's usual number unless said.

    Raises ValueError for an unknown name, a batch below 1, or a number of tokens that the model does not take.
    """
    if name not in MODELS:
        raise ValueError(f'unknown model "{name}" (allowed: {", ".join(MODELS)})')
    entry = MODELS[name]
    if batch < 1:
        raise ValueError(f"batch is {batch}; 1 or more is allowed")
    if seq is not None and not entry.seq:
        raise ValueError(f"{name} has no number of tokens to choose")
    tokens = entry.seq if seq is None else seq
    if entry.seq and not entry.shortest <= tokens <= entry.longest:
        raise ValueError(f"seq is {tokens}; {entry.shortest} to {entry.longest} are allowed for {name}")
    builder = Builder(name)
    entry.build(builder, batch, tokens)
    return builder.model()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gnomon.zoo", description="Write a built-in model as an ONNX file without weight values.",
                                     epilog="example: python -m gnomon.zoo resnet50 -o resnet50.onnx")
    parser.add_argument("model", choices=sorted(MODELS), metavar="MODEL", help=", ".join(sorted(MODELS)))
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the ONNX file to write")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images or sequences at a time (default 1)")
    parser.add_argument("--seq", type=int, metavar="N", help="tokens, for the text models")
    given = parser.parse_args(arguments)
    try:
        import onnx
    except ImportError:
        print("the onnx package is missing; install it with: pip install onnx", file=sys.stderr)
        return 1
    try:
        onnx.save(build(given.model, given.batch, given.seq), given.out)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 3
    except OSError as error:
        print(f"{given.out}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
