// Kernel JSON, its checks, and the interpreter against C++ written for the same computation.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cosim/operands.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {
namespace {

Expected<Kernel> parse(const std::string& text) {
  auto document = Document::parse(text, "kernel.json");
  if (!document) return fail(std::move(document.error()));
  return read_kernel(*document);
}

std::vector<std::int64_t> noise(std::int64_t count, int bits, bool is_signed, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(
        is_signed ? wrap(random.next(), bits)
                  : static_cast<std::int64_t>(bits == 64 ? random.next() : random.next() & ((std::uint64_t{1} << bits) - 1)));
  return values;
}

TEST(Kernel, MatmulRoundTrips) {
  Kernel kernel = matmul_kernel(5, 7, 9, 8, 32);
  kernel.directives.unroll = {{"m", 4}, {"n", 2}};
  kernel.directives.pipeline_ii = 1;
  const std::string text = write_kernel(kernel).dump(2);
  auto again = parse(text);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, kernel);
  EXPECT_EQ(write_kernel(*again).dump(2), text);
}

TEST(Kernel, ExamplesAreSound) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(GNOMON_SOURCE_DIR) + "/examples/kernels")) {
    auto document = Document::load(entry.path());
    ASSERT_TRUE(document) << document.error().text();
    auto kernel = read_kernel(*document);
    EXPECT_TRUE(kernel) << kernel.error().text();
    ++count;
  }
  EXPECT_GE(count, 2);
}

// The direct product (reference_outputs, which co-simulation uses) is the interpreter's, wraparound included.
TEST(Interpreter, EqualsTheDirectProduct) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::int64_t m = random.integer(1, 9), n = random.integer(1, 9), k = random.integer(1, 40);
    const int bits = static_cast<int>(random.integer(2, 32)), accumulator = static_cast<int>(random.integer(bits, 64));
    arch::ArrayWork work;
    work.extent[1] = m;
    work.extent[2] = n;
    work.extent[3] = k;
    Operands operands = *empty_operands(work);
    fill_random(operands, bits, seed);
    auto out = interpret(matmul_kernel(m, n, k, bits, accumulator), {{"a", {operands.ifmap.begin(), operands.ifmap.end()}},
                                                                     {"b", {operands.filter.begin(), operands.filter.end()}}});
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(out->at("c"), reference_outputs(operands, accumulator));
  }
}

TEST(Interpreter, ImperfectNestWithAffineAccess) {
  // A 1-D convolution with a stride, each sum shifted right and clipped at 0 after its inner loop.
  auto kernel = parse(R"({"version": 1, "name": "fir", "tensors": [
      {"name": "x", "kind": "input", "type": "int12", "shape": [40]}, {"name": "w", "kind": "input", "type": "int6", "shape": [5]},
      {"name": "sum", "kind": "local", "type": "int24", "shape": [1]}, {"name": "y", "kind": "output", "type": "uint10", "shape": [18]}],
    "loops": [{"name": "i", "extent": 18}, {"name": "t", "extent": 5}],
    "body": [
      {"name": "zero", "op": "const", "type": "int24", "value": 0, "in": ""},
      {"name": "four", "op": "const", "type": "int4", "value": 4, "in": ""},
      {"op": "store", "tensor": "sum", "index": ["0"], "args": ["zero"], "in": "i"},
      {"name": "a", "op": "load", "tensor": "x", "index": ["2*i + t"]},
      {"name": "b", "op": "load", "tensor": "w", "index": ["4 - t"]},
      {"name": "s", "op": "load", "tensor": "sum", "index": ["0"]},
      {"name": "next", "op": "mac", "type": "int24", "args": ["a", "b", "s"]},
      {"op": "store", "tensor": "sum", "index": ["0"], "args": ["next"]},
      {"name": "done", "op": "load", "tensor": "sum", "index": ["0"], "in": "i"},
      {"name": "scaled", "op": "shr", "type": "int24", "args": ["done", "four"], "in": "i"},
      {"name": "clipped", "op": "max", "type": "int24", "args": ["scaled", "zero"], "in": "i"},
      {"op": "store", "tensor": "y", "index": ["i"], "args": ["clipped"], "in": "i"}]})");
  ASSERT_TRUE(kernel) << kernel.error().text();
  const auto x = noise(40, 12, true, 1), w = noise(5, 6, true, 2);
  auto out = interpret(*kernel, {{"x", x}, {"w", w}});
  ASSERT_TRUE(out) << out.error().text();
  for (std::size_t i = 0; i < 18; ++i) {
    std::int64_t sum = 0;
    for (std::size_t t = 0; t < 5; ++t) sum += x[2 * i + t] * w[4 - t];
    EXPECT_EQ(out->at("y")[i], std::max<std::int64_t>(0, sum >> 4) & 1023);
  }
  auto again = parse(write_kernel(*kernel).dump());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, *kernel);
}

// Each operation on noise of mixed widths and signs, against 128-bit arithmetic of the compiler.
TEST(Interpreter, OperationsAreExact) {
  __extension__ typedef __int128 Wide;
  struct Type {
    const char* text;
    int bits;
    bool is_signed;
  };
  const Type types[] = {{"int8", 8, true},     {"uint8", 8, false}, {"int64", 64, true},
                        {"uint64", 64, false}, {"int1", 1, true},   {"uint13", 13, false}};
  const auto cut = [](const Type& type, Wide value) {
    const std::uint64_t low = static_cast<std::uint64_t>(value);
    return type.is_signed ? wrap(low, type.bits)
                          : static_cast<std::int64_t>(type.bits == 64 ? low : low & ((std::uint64_t{1} << type.bits) - 1));
  };
  const auto exact = [](const Type& type, std::int64_t value) {
    return type.is_signed ? Wide{value} : Wide{static_cast<std::uint64_t>(value)};
  };
  for (const Type& x : types)
    for (const Type& y : types)
      for (const Type& z : types)
        for (const char* op : {"add", "sub", "mul", "min", "max", "shl", "shr", "lt", "le", "eq", "ne"}) {
          const bool comparison = std::string(op).size() == 2;
          const std::string type = comparison && std::string(op) != "min" ? "" : std::string(", \"type\": \"") + z.text + "\"";
          auto kernel = parse(
              std::string(R"({"version": 1, "name": "t", "tensors": [{"name": "a", "kind": "input", "type": ")") + x.text +
              R"(", "shape": [16]}, {"name": "b", "kind": "input", "type": ")" + y.text +
              R"(", "shape": [16]}, {"name": "c", "kind": "output", "type": ")" + z.text +
              R"(", "shape": [16]}], "loops": [{"name": "i", "extent": 16}], "body": [{"name": "p", "op": "load", "tensor": "a", "index": ["i"]},
                              {"name": "q", "op": "load", "tensor": "b", "index": ["i"]}, {"name": "r", "op": ")" +
              op + "\"" + type + R"(, "args": ["p", "q"]}, {"op": "store", "tensor": "c", "index": ["i"], "args": ["r"]}]})");
          ASSERT_TRUE(kernel) << kernel.error().text();
          auto a = noise(16, x.bits, x.is_signed, 1), b = noise(16, y.bits, y.is_signed, 2);
          if (std::string(op).substr(0, 2) == "sh")
            for (std::size_t i = 0; i < 8; ++i) b[i] = cut(y, static_cast<Wide>(i * 9));
          auto out = interpret(*kernel, {{"a", a}, {"b", b}});
          ASSERT_TRUE(out) << out.error().text();
          for (std::size_t i = 0; i < 16; ++i) {
            const Wide p = exact(x, a[i]), q = exact(y, b[i]);
            const std::string name = op;
            const int by = q < 0 || q > 64 ? 64 : static_cast<int>(q);
            Wide r = 0;
            if (name == "add") r = p + q;
            if (name == "sub") r = p - q;
            if (name == "mul") r = static_cast<Wide>(static_cast<std::uint64_t>(p) * static_cast<std::uint64_t>(q));
            if (name == "min") r = p < q ? p : q;
            if (name == "max") r = p > q ? p : q;
            if (name == "shl") r = by == 64 ? Wide{0} : p * (Wide{1} << by);
            if (name == "shr") r = p >> by;
            if (name == "lt") r = p < q;
            if (name == "le") r = p <= q;
            if (name == "eq") r = p == q;
            if (name == "ne") r = p != q;
            ASSERT_EQ(out->at("c")[i], cut(z, comparison && type.empty() ? Wide{r != 0} : r))
                << x.text << " " << op << " " << y.text << " to " << z.text << " at " << i;
          }
        }
}

struct Bad {
  std::string from, to, message;
};

TEST(Kernel, BadOnesSayWhereAndWhy) {
  const std::string good = write_kernel(matmul_kernel(4, 4, 8, 8, 32)).dump();
  ASSERT_TRUE(parse(good));
  const Bad bad[] = {
      {R"("op":"mac")", R"("op":"mca")", "kernel.json: /body/5/op: "},
      {R"("extent":8)", R"("extent":0)", "/loops/2/extent"},
      {R"("extent":8)", R"("extent":9)", "/body/2/index/1: \"k\" runs from 0 to 8; dimension 1 of \"a\" has 0 to 7"},
      {R"("index":["m","k"])", R"("index":["m","m*k"])", "a product of two loops"},
      {R"("index":["m","k"])", R"("index":["m"])", "has 2 dimensions, not 1"},
      {R"("index":["m","k"])", R"("index":["m","kk"])", "unknown loop \"kk\"; did you mean \"k\"?"},
      {R"("type":"int8","shape":[4,8])", R"("type":"int65","shape":[4,8])", "/tensors/0/type: unknown type \"int65\""},
      {R"("type":"int8","shape":[4,8])", R"("type":"int8","shape":[4,-8])", "/tensors/0/shape/1"},
      {R"("name":"matmul")", R"("name":"a; rm -rf")", "/name: \"a; rm -rf\" is not a name"},
      {R"("name":"matmul")", "\"name\":\"mat\xc3\xbcl\"", "is not a name"},
      {R"("name":"matmul")", R"("name":"ap_uint")", "the emitted C++ and its headers have it"},
      {R"("name":"matmul")", R"("name":"AP_RND_CONV")", "the emitted C++ and its headers have it"},
      {R"("name":"matmul")", R"("name":"EOF")", "the emitted C++ and its headers have it"},
      {R"("args":["left","right","before"])", R"("args":["left","right"])", "\"mac\" takes 3 values, not 2"},
      {R"("args":["left","right","before"])", R"("args":["left","right","sum"])",
       "/body/5/args/2: unknown earlier value \"sum\""},
      {R"("kind":"output")", R"("kind":"input")", "a store to the input \"c\""},
      {R"("name":"zero","op":"const")", R"("name":"zero","op":"const","tensor":"a")", "\"const\" takes no \"tensor\""},
      {R"("value":0)", R"("value":99999999999)", "99999999999 does not fit in int32"},
      {R"("version":1)", R"("version":2)", "/version"},
      {R"("version":1)", R"("version":1,"directive":{})", "directive"},
      {R"("name":"k","extent")", R"("name":"m","extent")", "the name \"m\" is used twice"},
  };
  for (const Bad& b : bad) {
    SCOPED_TRACE(b.to);
    std::string text = good;
    const std::size_t at = text.find(b.from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, b.from.size(), b.to);
    auto kernel = parse(text);
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().kind(), ErrorKind::invalid_input);
    EXPECT_NE(kernel.error().text().find(b.message), std::string::npos) << kernel.error().text();
  }
  auto unknown = parse(good.substr(0, good.size() - 1) + R"(,"directives":{"tile":{"kk":4}}})");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::invalid_input);
  EXPECT_NE(unknown.error().text().find("/directives/tile/kk"), std::string::npos) << unknown.error().text();
}

TEST(Interpreter, RefusesMisfitInputs) {
  const Kernel kernel = matmul_kernel(2, 2, 2, 4, 8);
  const std::vector<std::int64_t> fine(4, 1);
  EXPECT_NE(interpret(kernel, {{"a", fine}}).error().text().find("no values for the input \"b\""), std::string::npos);
  EXPECT_NE(interpret(kernel, {{"a", fine}, {"b", {1, 2, 3}}}).error().text().find("has 4 elements, 3 values are given"),
            std::string::npos);
  EXPECT_NE(
      interpret(kernel, {{"a", fine}, {"b", {1, 2, 3, 8}}}).error().text().find("value 8 of element 3 does not fit in int4"),
      std::string::npos);
  EXPECT_NE(interpret(kernel, {{"a", fine}, {"b", fine}, {"d", fine}}).error().text().find("\"d\" is not an input"),
            std::string::npos);
  EXPECT_EQ(interpret(matmul_kernel(1 << 12, 1 << 12, 1 << 12, 8, 32), {}).error().kind(), ErrorKind::unsupported);
}

TEST(Kernel, OtherKernelsHaveNoRtl) {
  Kernel kernel = matmul_kernel(4, 4, 4, 8, 32);
  ASSERT_TRUE(match_matmul(kernel));
  kernel.directives.unroll["k"] = 2;
  EXPECT_EQ(match_matmul(kernel).error().kind(), ErrorKind::unsupported);
  kernel = matmul_kernel(4, 4, 4, 8, 32);
  kernel.ops[0].value = 1;
  EXPECT_NE(match_matmul(kernel).error().text().find("sums must begin at 0"), std::string::npos);
  kernel = matmul_kernel(4, 4, 4, 8, 32);
  kernel.ops[5].code = OpCode::select;
  EXPECT_FALSE(match_matmul(kernel));
}

}  // namespace
}  // namespace gnomon::hls
