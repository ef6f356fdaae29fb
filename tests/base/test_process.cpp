#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gnomon/base/process.hpp"
#include "gnomon/base/version.hpp"

namespace gnomon {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(Process, OutputsInputAndStatus) {
  ProcessOptions options;
  options.input = "in\n";
  const auto result = run_process({"sh", "-c", "cat; echo err >&2; exit 7"}, options);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->out, "in\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_status, 7);
  EXPECT_FALSE(result->timed_out);
}

// Truth: the kernel's list of processes. A process that runs a child is killed; the child goes as well, from a first thread and from another one.
TEST(Process, ChildDiesWithUs) {
  for (const bool threaded : {false, true}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
      ::close(ends[0]);
      // The grandchild says its number through a descriptor that it inherits, and then sleeps without end.
      const std::string script = "echo $$ >&" + std::to_string(ends[1]) + "; exec sleep 1000";
      const auto run = [&] { (void)run_process({"sh", "-c", script}); };
      if (threaded) std::thread(run).join();
      else run();
      ::_exit(0);
    }
    ::close(ends[1]);
    char said[32] = {};
    ASSERT_GT(::read(ends[0], said, sizeof said - 1), 0);
    const pid_t child = static_cast<pid_t>(std::atoi(said));
    ASSERT_GT(child, 0);
    EXPECT_EQ(::kill(child, 0), 0);
    ::kill(parent, SIGKILL);
    ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
    // The descriptor closes with the last process that has it: this returns when the child is gone.
    pollfd gone{ends[0], POLLIN, 0};
    EXPECT_EQ(::poll(&gone, 1, 60'000), 1) << "the child still runs";
    ::kill(child, SIGKILL);
    ::close(ends[0]);
  }
}

TEST(Process, ArgumentsAreNotReadByAShell) {
  const std::string odd = "a b; echo $HOME `id` \"'*";
  const auto result = run_process({"printf", "%s", odd});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, odd);
}

TEST(Process, LargeInputAndOutputPassWithoutDeadlock) {
  ProcessOptions options;
  options.input.assign(3'000'000, 'x');
  const auto result = run_process({"cat"}, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out.size(), 3'000'000U);
  // A child that never reads its input, and output beyond the limit.
  EXPECT_EQ(run_process({"true"}, options)->exit_status, 0);
  options.output_limit_bytes = 1000;
  const auto flood = run_process({"yes"}, options);
  ASSERT_TRUE(flood);
  EXPECT_EQ(flood->out.size(), 1000U);
  EXPECT_TRUE(flood->too_much_output);
  EXPECT_EQ(flood->exit_status, 128 + SIGKILL);
}

TEST(Process, TimeIsLimitedEvenIfOutputsAreClosedOrHeldOpen) {
  ProcessOptions options;
  options.wall_seconds = 0.2;
  for (const char* script : {"sleep 30", "exec >&- 2>&-; sleep 30", "sleep 30 & wait", "setsid sleep 40 & exit 0"}) {
    Expected<ProcessResult> result;
    const double seconds = seconds_of([&] { result = run_process({"sh", "-c", script}, options); });
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->timed_out) << script;
    EXPECT_LT(seconds, 25) << script;
  }
  EXPECT_EQ(run_process({"sh", "-c", "sleep 30"}, options)->exit_status, 128 + SIGKILL);
}

TEST(Process, RunsInTheFolderGiven) {
  ProcessOptions options;
  options.folder = "/";
  EXPECT_EQ(run_process({"pwd"}, options)->out, "/\n");
}

TEST(Process, ProgramsAreFoundOrNamed) {
  EXPECT_TRUE(find_program("sh").is_absolute());
  EXPECT_TRUE(find_program("no-such-program-here").empty());
  EXPECT_EQ(run_process({"no-such-program-here"}).error().text(), "cannot start \"no-such-program-here\": No such file or directory");
  EXPECT_EQ(run_process({}).error().kind(), ErrorKind::run_failed);
  EXPECT_EQ(this_program().filename(), "test_base");
}

TEST(Version, NamesReleaseAndCommit) {
  EXPECT_EQ(version(), "0.1.0");
  EXPECT_FALSE(commit().empty());
}

}  // namespace
}  // namespace gnomon
