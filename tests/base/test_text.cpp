#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/registry.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon {
namespace {

// FIPS 180-4 examples (NIST "SHA256.pdf") and the long message of a million `a`.
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Lengths around the block and padding limits, from Python's hashlib.
  EXPECT_EQ(sha256(std::string(55, 'x')), "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(sha256(std::string(64, 'x')), "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
}

// FNV-1a 64-bit reference values (Fowler, Noll, Vo).
TEST(Fnv1a, PublishedVectors) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ULL);
}

TEST(Nearest, FindsSlipsAndNothingElse) {
  const std::vector<std::string> words{"rows", "cols", "dataflow", "double_buffered", "os"};
  EXPECT_EQ(nearest("row", words), "rows");
  EXPECT_EQ(nearest("dataflwo", words), "dataflow");  // a swap counts one
  EXPECT_EQ(nearest("DATAFLOW", words), "dataflow");
  EXPECT_EQ(nearest("doublebuffer", words), "double_buffered");
  EXPECT_EQ(nearest("voltage", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'x'), words), "");
}

TEST(Quotes, ShowWhatCannotBePrinted) {
  EXPECT_EQ(in_quotes("a\"b\\c\x01\xff"), "\"a\\\"b\\\\c\\x01\\xff\"");
  EXPECT_EQ(in_quotes(std::string(100, 'a')), "\"" + std::string(80, 'a') + "...\"");
}

TEST(Numbers, ShortestAndBack) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(-0.0), "0");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(std::nan("")), "nan");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_TRUE(rc::check("number reads back", [](double value) {
    RC_PRE(std::isfinite(value));
    double back = 1;
    RC_ASSERT(parse_real(number(value), back));
    RC_ASSERT(back == value);
  }));
}

TEST(Numbers, ParseTakesWholeTextsOnly) {
  long long whole = 0;
  double real = 0;
  EXPECT_TRUE(parse_integer("-42", whole));
  EXPECT_EQ(whole, -42);
  for (const char* bad : {"", "4 2", "12abc", "1.5", "99999999999999999999", " 1"}) EXPECT_FALSE(parse_integer(bad, whole)) << bad;
  EXPECT_TRUE(parse_real("1e3", real));
  EXPECT_EQ(real, 1000);
  for (const char* bad : {"", "x", "1e999", "inf", "nan", "1.5 ", "0x10"}) EXPECT_FALSE(parse_real(bad, real)) << bad;
}

TEST(Text, TrimAndJoin) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed(" \n "), "");
  EXPECT_EQ(join({"a", "b"}, " | "), "a | b");
  EXPECT_EQ(join({}), "");
}

TEST(Registry, UnknownNamesListTheKnownOnes) {
  Registry<int> agents("agent");
  agents.add("random", 1);
  agents.add("bayes", 2);
  ASSERT_TRUE(agents.find("bayes"));
  EXPECT_EQ(**agents.find("bayes"), 2);
  EXPECT_EQ(agents.find("baies").error().text(), "unknown agent \"baies\"; did you mean \"bayes\"? (allowed: bayes, random)");
}

TEST(Errors, KindsAndExitCodes) {
  EXPECT_EQ(exit_code(ErrorKind::run_failed), 1);
  EXPECT_EQ(exit_code(ErrorKind::usage), 2);
  EXPECT_EQ(exit_code(ErrorKind::invalid_input), 3);
  EXPECT_EQ(exit_code(ErrorKind::unsupported), 4);
  EXPECT_EQ(exit_code(ErrorKind::infeasible), 5);
  EXPECT_EQ(exit_code(ErrorKind::interrupted), 130);
  EXPECT_EQ((Problem{"f.json", "/a", "wrong"}).text(), "f.json: /a: wrong");
  EXPECT_EQ((Problem{"", "", "wrong"}).text(), "wrong");
}

}  // namespace
}  // namespace gnomon
