"""Generators of random small ONNX models, one an operator, for check_shapes.py."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


class Model:
    """One model under construction."""

    def __init__(self, rng, opset):
        self.rng, self.opset = rng, opset
        self.inputs, self.constants, self.nodes = [], [], []
        self.run = False  # execute it, too

    def x(self, shape, kind=F):
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def w(self, shape, kind=np.float32):
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.full(shape, 2, kind), name))
        return name

    def k(self, values, kind=np.int64):
        name = f"w{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def node(self, kind, inputs, outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"node{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def build(self):
        last = [name for name in self.nodes[-1].output if name]
        outputs = [helper.make_empty_tensor_value_info(name) for name in last]
        graph = helper.make_graph(self.nodes, "random", self.inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 8
        return model


def dims(rng, low, high, rank):
    return [rng.randint(low, high) for _ in range(rank)]


def broadcastable(rng, shape):
    cut = rng.randint(0, len(shape))
    return [1 if rng.random() < 0.3 else d for d in shape[cut:]]


def window(rng, axes, size, dilation=True):
    a = {"strides": dims(rng, 1, 3, axes)}
    kernel = dims(rng, 1, 4, axes)
    if dilation and rng.random() < 0.4:
        a["dilations"] = dims(rng, 1, 2, axes)
    mode = rng.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if mode == "NOTSET":
        if rng.random() < 0.7:
            a["pads"] = [rng.randint(0, k // 2) for _ in range(2) for k in kernel]
    else:
        a["auto_pad"] = mode
        if mode != "VALID":
            a.pop("dilations", None)
    return kernel, a


def conv(m):
    r = m.rng
    axes, groups = r.choice([1, 2, 2]), r.choice([1, 1, 2, 4])
    c, o = groups * r.randint(1, 3), groups * r.randint(1, 3)
    kernel, a = window(r, axes, 12)
    if groups == 4 and r.random() < 0.5:
        c = o = 4  # depthwise
    inputs = [m.x([r.randint(1, 2), c, *dims(r, 8, 14, axes)]), m.w([o, c // groups, *kernel])]
    if r.random() < 0.5:
        inputs.append(m.w([o]))
    if r.random() < 0.5:
        a["kernel_shape"] = kernel
    m.node("Conv", inputs, group=groups, **a)


def conv_transpose(m):
    r = m.rng
    axes, groups = r.choice([1, 2]), r.choice([1, 2])
    c, o, kernel = groups * r.randint(1, 3), r.randint(1, 3), dims(r, 2, 4, axes)
    a = {"strides": dims(r, 1, 3, axes)}
    if r.random() < 0.5:
        a["pads"] = dims(r, 0, 1, 2 * axes)
    if r.random() < 0.5:
        a["output_padding"] = [r.randint(0, s - 1) for s in a["strides"]]
    if r.random() < 0.3:
        a["dilations"] = dims(r, 1, 2, axes)
    m.node("ConvTranspose", [m.x([1, c, *dims(r, 3, 8, axes)]), m.w([c, o, *kernel])], group=groups, **a)


def conv_integer(m):
    r = m.rng
    kernel, a = window(r, 2, 12)
    m.node("ConvInteger", [m.x([1, 3, *dims(r, 8, 12, 2)], TensorProto.UINT8), m.w([4, 3, *kernel], np.uint8)], **a)


def qlinear_conv(m):
    r = m.rng
    kernel, a = window(r, 2, 12)
    scale, zero = m.k(0.5, np.float32), m.k(1, np.uint8)
    m.node("QLinearConv", [m.x([1, 3, *dims(r, 8, 12, 2)], TensorProto.UINT8), scale, zero, m.w([4, 3, *kernel], np.uint8), scale, zero, scale, zero], **a)


def gemm(m):
    r = m.rng
    rows, cols, inner = dims(r, 1, 9, 3)
    ta, tb = r.randint(0, 1), r.randint(0, 1)
    inputs = [m.x([inner, rows] if ta else [rows, inner]), m.w([cols, inner] if tb else [inner, cols])]
    if r.random() < 0.6:
        inputs.append(m.w(r.choice([[cols], [1, cols], [rows, 1], [1], [rows, cols]])))
    m.node("Gemm", inputs, transA=ta, transB=tb)


def matmul_shapes(r):
    rows, cols, inner = dims(r, 1, 7, 3)
    batch = dims(r, 2, 4, r.randint(0, 2))
    a, b = [*batch, rows, inner], [*broadcastable(r, batch), inner, cols]
    if r.random() < 0.15:
        a = [inner]
    elif r.random() < 0.15:
        b = [inner]
    return a, b


def matmul(m):
    a, b = matmul_shapes(m.rng)
    m.node("MatMul", [m.x(a), m.x(b) if m.rng.random() < 0.5 else m.w(b)])


def matmul_integer(m):
    a, b = matmul_shapes(m.rng)
    m.node("MatMulInteger", [m.x(a, TensorProto.UINT8), m.w(b, np.uint8)])


def qlinear_matmul(m):
    a, b = matmul_shapes(m.rng)
    scale, zero = m.k(0.5, np.float32), m.k(1, np.uint8)
    m.node("QLinearMatMul", [m.x(a, TensorProto.UINT8), scale, zero, m.w(b, np.uint8), scale, zero, scale, zero])


def einsum(m):
    r = m.rng
    size = {c: r.randint(2, 5) for c in "bhqkd"}
    equation = r.choice(["bhqd,bhkd->bhqk", "bhqk,bhkd->bhqd", "bqd,dk->bqk", "qd,kd->qk", "bhqd->bqhd", "bhq,bhk->bhqk", "bqd->bq"])
    left = equation.split("->")[0].split(",")
    m.node("Einsum", [m.x([size[c] for c in labels]) for labels in left], equation=equation)


def starts_behind(size, kernel, a):
    """Whether rounding up adds a window that starts behind the input. PyTorch and ONNX Runtime drop it, as gnomon does; onnx's own
    shape inference (1.18) still counts it, so it is no witness here."""
    axes = len(size)
    pads, dilations = a.get("pads", [0] * 2 * axes), a.get("dilations", [1] * axes)
    for i, stride in enumerate(a["strides"]):
        room = size[i] + pads[i] + pads[axes + i] - dilations[i] * (kernel[i] - 1) - 1
        if -(-room // stride) * stride >= size[i] + pads[i]:
            return True
    return False


def pool(m):
    r = m.rng
    axes, kind = r.choice([1, 2]), r.choice(["MaxPool", "AveragePool", "LpPool"])
    kernel, a = window(r, axes, 12, kind == "MaxPool" and m.opset >= 10)
    size = dims(r, 8, 14, axes)
    if kind != "LpPool" and "auto_pad" not in a and m.opset >= 10:
        a["ceil_mode"] = int(r.random() < 0.5 and not starts_behind(size, kernel, a))
    if kind == "MaxPool" and r.random() < 0.3:
        m.node("MaxPool", [m.x([1, 3, *size])], 2, kernel_shape=kernel, **a)
    else:
        m.node(kind, [m.x([1, 3, *size])], kernel_shape=kernel, **a)


def global_pool(m):
    m.node(m.rng.choice(["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"]), [m.x(dims(m.rng, 1, 6, m.rng.choice([3, 4])))])


def binary(m):
    r = m.rng
    shape = dims(r, 1, 5, r.randint(1, 4))
    kind = r.choice(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Equal", "Greater", "Less", "PRelu", "Mod"])
    other = broadcastable(r, shape) if m.opset >= 8 else shape  # Max, Min and Sum did not broadcast before
    a = {"fmod": 1} if kind == "Mod" else {}
    pair = [m.x(shape), m.x(other) if r.random() < 0.5 else m.w(other)]
    if kind not in ("PRelu", "Pow") and r.random() < 0.3:
        pair.reverse()
    m.node(kind, pair, **a)


def logic(m):
    shape = dims(m.rng, 1, 5, 3)
    m.node(m.rng.choice(["And", "Or", "Xor"]), [m.x(shape, B), m.x(broadcastable(m.rng, shape), B)])


def where(m):
    shape = dims(m.rng, 1, 5, 3)
    m.node("Where", [m.x(broadcastable(m.rng, shape), B), m.x(shape), m.w(broadcastable(m.rng, shape))])


UNARY = ["Neg", "Abs", "Sign", "Floor", "Ceil", "Round", "Relu", "Sqrt", "Reciprocal", "Exp", "Log", "Erf", "Tanh", "Sin", "Cos", "Tan", "Asin",
         "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "LeakyRelu", "ThresholdedRelu", "Shrink", "Sigmoid", "HardSigmoid", "HardSwish",
         "Elu", "Selu", "Celu", "Softplus", "Softsign", "Softmax", "LogSoftmax", "Hardmax", "Identity", "Dropout", "IsNaN", "Clip", "LpNormalization"]


def unary(m):
    kinds = UNARY + (["Mish"] if m.opset >= 18 else []) + (["Gelu"] if m.opset >= 20 else [])
    m.node(m.rng.choice(kinds), [m.x(dims(m.rng, 1, 5, m.rng.randint(2, 4)))])


def cast(m):
    m.node("Cast", [m.x(dims(m.rng, 1, 5, 2))], to=m.rng.choice([I, B, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8]))


def normalization(m):
    r = m.rng
    shape = [r.randint(1, 2), 4, *dims(r, 2, 5, 2)]
    kind = r.choice(["BatchNormalization", "InstanceNormalization", "LayerNormalization", "LRN", "MeanVarianceNormalization", "GroupNormalization",
                     "RMSNormalization"])
    x = m.x(shape)
    if kind == "BatchNormalization":
        m.node(kind, [x, *(m.w([4]) for _ in range(4))])
    elif kind == "InstanceNormalization":
        m.node(kind, [x, m.w([4]), m.w([4])])
    elif kind == "LayerNormalization":
        axis = r.randint(-4, 3)
        m.node(kind, [x, m.w(shape[axis % 4:])], 3, axis=axis)
    elif kind == "GroupNormalization" and m.opset >= 21:
        m.node(kind, [x, m.w([4]), m.w([4])], num_groups=2)
    elif kind == "RMSNormalization" and m.opset >= 23:
        m.node(kind, [x, m.w(shape[-1:])], axis=-1)
    elif kind == "MeanVarianceNormalization":
        m.node(kind, [x])
    else:
        m.node("LRN", [x], size=r.choice([1, 3, 5]))


def reduce(m):
    r = m.rng
    shape = dims(r, 1, 5, 4)
    kind = r.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
                     "ReduceLogSumExp"])
    a, inputs = {"keepdims": r.randint(0, 1)}, [m.x(shape)]
    if r.random() < 0.8:
        axes = [axis if r.random() < 0.5 else axis - 4 for axis in r.sample(range(4), r.randint(1, 4))]
        if m.opset >= 18 or (kind == "ReduceSum" and m.opset >= 13):
            inputs.append(m.k(axes))
        else:
            a["axes"] = axes
    m.node(kind, inputs, **a)


def arg(m):
    m.node(m.rng.choice(["ArgMax", "ArgMin"]), [m.x(dims(m.rng, 1, 5, 3))], axis=m.rng.randint(-3, 2), keepdims=m.rng.randint(0, 1))


def top_k(m):
    m.node("TopK", [m.x([2, 3, 6]), m.k([m.rng.randint(1, 6)])], 2, axis=-1)


def cum_sum(m):
    m.node("CumSum", [m.x([2, 3, 6]), m.k(1)])


def reshape(m):
    r = m.rng
    shape = dims(r, 1, 6, 4)
    target = [r.choice([0, shape[0]]), *r.choice([[-1], [shape[1], -1], [shape[1] * shape[2], shape[3]], [-1, shape[3]], [0, -1, 1]])]
    m.run = True
    m.node("Reshape", [m.x(shape), m.k(target)])


def flatten(m):
    m.node("Flatten", [m.x(dims(m.rng, 1, 5, 4))], axis=m.rng.randint(-4, 4))


def squeeze(m):
    r = m.rng
    shape = [1, r.randint(2, 5), 1, r.randint(2, 5)]
    x = m.x(shape)
    axes = r.choice([[0], [2], [0, 2], [-2] if m.opset >= 11 else [0], None])
    if axes is None:
        m.node("Squeeze", [x])
    elif m.opset >= 13:
        m.node("Squeeze", [x, m.k(axes)])
    else:
        m.node("Squeeze", [x], axes=axes)


def unsqueeze(m):
    axes = m.rng.choice([[0], [0, 3], [1, 2], [2], *([[-1], [-1, 0]] if m.opset >= 11 else [])])
    x = m.x(dims(m.rng, 2, 5, 2))
    if m.opset >= 13:
        m.node("Unsqueeze", [x, m.k(axes)])
    else:
        m.node("Unsqueeze", [x], axes=axes)


def transpose(m):
    rank = m.rng.randint(1, 5)
    x = m.x(dims(m.rng, 1, 5, rank))
    if m.rng.random() < 0.2:
        m.node("Transpose", [x])
    else:
        m.node("Transpose", [x], perm=m.rng.sample(range(rank), rank))


def concat(m):
    r = m.rng
    shape, axis = dims(r, 1, 5, 3), r.randint(-3, 2)
    inputs = []
    for _ in range(r.randint(1, 4)):
        s = list(shape)
        s[axis] = r.randint(1, 5)
        inputs.append(m.x(s))
    m.node("Concat", inputs, axis=axis)


def split(m):
    r = m.rng
    parts = dims(r, 1, 4, r.randint(2, 3))
    axis = r.randint(-2, 1)
    if r.random() < 0.5:
        parts = [parts[0]] * len(parts)
        shape = [sum(parts)] * 2
        m.node("Split", [m.x(shape)], len(parts), axis=axis, **({"num_outputs": len(parts)} if m.opset >= 18 else {}))
        return
    shape = [sum(parts)] * 2
    if m.opset >= 13:
        m.node("Split", [m.x(shape), m.k(parts)], len(parts), axis=axis)
    else:
        m.node("Split", [m.x(shape)], len(parts), axis=axis, split=parts)


def slice_(m):
    r = m.rng
    shape = dims(r, 3, 9, 3)
    axes = r.sample(range(3), r.randint(1, 3))
    starts, ends, steps = [], [], []
    for axis in axes:
        size = shape[axis]
        step = r.choice([1, 1, 2, 3, -1, -2]) if m.opset >= 10 else 1
        low, high = sorted(r.sample(range(size + 1), 2))
        if step > 0:
            start, end = r.choice([(low, high), (low, 2**63 - 1), (low - size, high), (-1000, high)])
        else:
            start, end = r.choice([(high, low - size - 1 if low == 0 else low - 1), (2**63 - 1, -(2**63)), (-1, -1000)])
            if start == high and high - 1 < low:
                start, end = -1, -1000
        starts.append(start)
        ends.append(end)
        steps.append(step)
    x = m.x(shape)
    m.run = m.opset >= 10
    if m.opset >= 10:
        negative = [axis - 3 if r.random() < 0.3 else axis for axis in axes]
        m.node("Slice", [x, m.k(starts), m.k(ends), m.k(negative), m.k(steps)])
    else:
        m.node("Slice", [x], starts=starts, ends=ends, axes=axes)


def gather(m):
    r = m.rng
    shape = dims(r, 2, 5, r.randint(1, 3))
    indices = dims(r, 1, 4, r.randint(0, 2))
    data = m.x(shape) if r.random() < 0.5 else m.w(shape)
    m.node("Gather", [data, m.x(indices, I)], axis=r.randint(-len(shape), len(shape) - 1))


def gather_more(m):
    kind = m.rng.choice(["GatherElements", "GatherND", "ScatterND", "ScatterElements"])
    if kind == "GatherElements":
        m.node(kind, [m.x([4, 5]), m.x([2, 3], I)], axis=1)
    elif kind == "GatherND":
        m.node(kind, [m.x([4, 5, 6]), m.x([7, m.rng.randint(1, 3)], I)])
    elif kind == "ScatterND":
        m.node(kind, [m.x([4, 5, 6]), m.x([7, 1], I), m.x([7, 5, 6])])
    else:
        m.node(kind, [m.x([4, 5]), m.x([2, 3], I), m.x([2, 3])])


def pad(m):
    r = m.rng
    shape, pads = dims(r, 3, 6, 4), [0, 0, *dims(r, -1, 2, 2), 0, 0, *dims(r, 0, 3, 2)]
    mode = r.choice(["constant", "reflect", "edge"])
    if m.opset >= 11:
        m.node("Pad", [m.x(shape), m.k(pads)], mode=mode)
    else:
        m.node("Pad", [m.x(shape)], pads=pads, mode=mode)


def tile(m):
    m.node("Tile", [m.x(dims(m.rng, 1, 4, 3)), m.k(dims(m.rng, 1, 3, 3))])


def expand(m):
    shape = dims(m.rng, 2, 5, 3)
    m.node("Expand", [m.x(broadcastable(m.rng, shape)), m.k(shape)])


def depth(m):
    if m.rng.random() < 0.5:
        m.node("DepthToSpace", [m.x([1, 8, *dims(m.rng, 1, 5, 2)])], blocksize=2)
    else:
        m.node("SpaceToDepth", [m.x([1, 3, 6, 12])], blocksize=m.rng.choice([2, 3]))


def resize(m):
    r = m.rng
    shape = [1, 2, *dims(r, 3, 9, 2)]
    mode = r.choice(["nearest", "linear", "cubic"])
    if m.opset < 10:
        m.node("Upsample", [m.x(shape), m.k([1, 1, 2, 3], np.float32)], mode="nearest")
    elif m.opset < 11:
        m.node("Resize", [m.x(shape), m.k([1, 1, r.choice([0.5, 2.0, 1.7]), 2.0], np.float32)], mode="nearest")
    elif r.random() < 0.5:
        m.node("Resize", [m.x(shape), "", m.k([1, 1, r.choice([0.5, 2.0, 1.7]), r.choice([2.0, 0.6])], np.float32)], mode=mode)
    else:
        m.node("Resize", [m.x(shape), "", "", m.k([1, 2, *dims(r, 2, 12, 2)])], mode=mode)


def one_hot(m):
    m.node("OneHot", [m.x(dims(m.rng, 1, 4, 2), I), m.k(m.rng.randint(2, 9)), m.k([0.0, 1.0], np.float32)], axis=m.rng.randint(-3, 2))


def quantize(m):
    x = m.x(dims(m.rng, 1, 5, 3))
    kind = m.rng.choice(["pair", "dynamic"])
    if kind == "pair":
        q = m.node("QuantizeLinear", [x, m.k(0.5, np.float32), m.k(0, m.rng.choice([np.int8, np.uint8]))])
        m.node("DequantizeLinear", [q, m.k(0.5, np.float32), m.nodes[-1].input[2]])
    else:
        m.node("DynamicQuantizeLinear", [x], 3)


def attention(m):
    if m.opset < 23:
        return matmul(m)
    r = m.rng
    b, heads, kv, q, k, d = 2, 4, r.choice([1, 2, 4]), r.randint(1, 5), r.randint(1, 5), 8
    if r.random() < 0.5:
        m.node("Attention", [m.x([b, heads, q, d]), m.x([b, kv, k, d]), m.x([b, kv, k, d])], is_causal=r.randint(0, 1))
    else:
        past = r.randint(1, 4)
        inputs = [m.x([b, heads, q, d]), m.x([b, kv, k, d]), m.x([b, kv, k, d]), "", m.x([b, kv, past, d]), m.x([b, kv, past, d])]
        m.node("Attention", inputs, 3)


# Chains in which the shape of the last tensor follows from folded constants, as exporters write them.

def chain_flatten(m):
    """x.view(x.size(0), -1)"""
    x = m.x(dims(m.rng, 2, 5, 4))
    first = m.node("Gather", [m.node("Shape", [x]), m.k(0)], axis=0)
    first = m.node("Unsqueeze", [first, m.k([0])]) if m.opset >= 13 else m.node("Unsqueeze", [first], axes=[0])
    m.run = True
    m.node("Reshape", [x, m.node("Concat", [first, m.k([-1])], axis=0)])


def chain_upsample(m):
    """Sizes = floor(shape x scale), by way of Cast."""
    x = m.x([1, 2, *dims(m.rng, 3, 9, 2)])
    shape = m.node("Shape", [x])
    size = m.node("Slice", [shape, m.k([2]), m.k([4]), m.k([0])])
    size = m.node("Cast", [m.node("Floor", [m.node("Mul", [m.node("Cast", [size], to=F), m.k([2.0, 1.5], np.float32)])])], to=I)
    whole = m.node("Concat", [m.node("Slice", [shape, m.k([0]), m.k([2]), m.k([0])]), size], axis=0)
    m.run = True
    m.node("Resize", [x, "", "", whole], mode="nearest")


def chain_expand(m):
    """Expand to ConstantOfShape x -1, where -1 means as it is (torch.expand)."""
    x = m.x([1, m.rng.randint(2, 5), 1])
    wanted = m.k([m.rng.randint(2, 4), -1, m.rng.randint(2, 4)])
    ones = m.node("ConstantOfShape", [m.node("Shape", [m.k([0, 0, 0])])], value=numpy_helper.from_array(np.array([1], np.int64)))
    minus = m.node("Mul", [ones, m.k(-1)])
    m.run = True
    m.node("Expand", [x, m.node("Where", [m.node("Equal", [wanted, minus]), ones, wanted])])


def chain_heads(m):
    """Splitting heads: sizes by Gather, Div and Concat."""
    b, s, d = m.rng.randint(1, 3), m.rng.randint(2, 6), 4 * m.rng.randint(1, 4)
    x = m.x([b, s, d])
    shape = m.node("Shape", [x])
    parts = [m.node("Gather", [shape, m.k([i])], axis=0) for i in range(3)]
    target = m.node("Concat", [parts[0], parts[1], m.k([4]), m.node("Div", [parts[2], m.k([4])])], axis=0)
    m.run = True
    m.node("Transpose", [m.node("Reshape", [x, target])], perm=[0, 2, 1, 3])


def chain_window(m):
    """A Slice whose end is shape arithmetic: x[:, : n // 2 - 1 + 1]."""
    x = m.x([2, m.rng.randint(4, 9)])
    n = m.node("Gather", [m.node("Shape", [x]), m.k([1])], axis=0)
    end = m.node("Add", [m.node("Sub", [m.node("Div", [n, m.k([2])]), m.k([1])]), m.k([1])])
    m.run = True
    m.node("Slice", [x, m.k([0]), end, m.k([1])])


def chain_pad(m):
    """torch's Pad: a list reversed and transposed before use."""
    x = m.x([1, 1, *dims(m.rng, 3, 6, 2)])
    pads = m.k([1, 2, *dims(m.rng, 0, 3, 2), 0, 0, 0, 0])
    pairs = m.node("Slice", [m.node("Reshape", [pads, m.k([-1, 2])]), m.k([-1]), m.k([-(2**63) + 1]), m.k([0]), m.k([-1])])
    flat = m.node("Reshape", [m.node("Transpose", [pairs], perm=[1, 0]), m.k([-1])])
    m.run = True
    m.node("Pad", [x, m.node("Cast", [flat], to=I)])


def chain_split_size(m):
    """Tile by a Range's length and a product of sizes."""
    x = m.x([m.rng.randint(1, 4), m.rng.randint(1, 4)])
    count = m.node("ReduceProd", [m.node("Shape", [x])], keepdims=0)
    length = m.node("Shape", [m.node("Range", [m.k(0), count, m.k(1)])])
    m.run = True
    m.node("Tile", [x, m.node("Concat", [length, m.node("Max", [m.k([1]), m.k([2])])], axis=0)])


GENERATORS = [conv, conv, conv_transpose, conv_integer, qlinear_conv, gemm, matmul, matmul, matmul_integer, qlinear_matmul, einsum, pool, pool,
              global_pool, binary, binary, logic, where, unary, unary, cast, normalization, normalization, reduce, reduce, arg, top_k, cum_sum, reshape,
              flatten, squeeze, unsqueeze, transpose, concat, split, slice_, slice_, gather, gather_more, pad, tile, expand, depth, resize, one_hot,
              quantize, attention]
CHAINS = [chain_flatten, chain_upsample, chain_expand, chain_heads, chain_window, chain_pad, chain_split_size]
