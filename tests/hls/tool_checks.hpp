#pragma once

#include <gtest/gtest.h>

#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// Writes the RTL into the folder; Verilator's lint has nothing to say of it. The file is named after the top module; the modules of its parts stand in it too.
inline void expect_lint_clean(const Rtl& rtl, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / (rtl.top + ".sv");
  ASSERT_TRUE(write_file(file, rtl.text));
  auto run = run_process({"verilator", "-Wall", "-Wno-DECLFILENAME", "--lint-only", "--top-module", rtl.top, file.string()});
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->exit_status, 0) << run->out << run->err;
  EXPECT_EQ(run->err.find("Warning"), std::string::npos) << run->err;
}

/// The same for yosys' check of what its front end makes of the RTL.
inline void expect_check_clean(const Rtl& rtl, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / (rtl.top + ".sv");
  ASSERT_TRUE(write_file(file, rtl.text));
  auto run = run_process({"yosys", "-q", "-p", "read_verilog -sv " + file.string() + "; hierarchy -check -top " + rtl.top + "; proc; opt_expr; opt_clean; check -assert"});
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->exit_status, 0) << rtl.top << run->out << run->err;
}

}  // namespace gnomon::hls
