#include "gnomon/sim/session.hpp"

#include <cstdlib>
#include <exception>
#include <systemc>
#include <vector>

/// libsystemc refers to it; gnomon's programs have their own main and start the kernel themselves. It is reached only where a program was
/// linked with libsystemc's main in place of its own, which must not pass for success.
extern "C" __attribute__((visibility("default"))) int sc_main(int, char**) { return 1; }

namespace gnomon::sim {
namespace {

bool session_open = false;
bool kernel_used = false;

void fresh_kernel() {
  // Kept where a leak checker sees it.
  static auto& used = *new std::vector<sc_core::sc_simcontext*>;
  used.push_back(sc_core::sc_curr_simcontext);
  sc_core::sc_curr_simcontext = new sc_core::sc_simcontext;
  sc_core::sc_default_global_context = sc_core::sc_curr_simcontext;
}

void quiet_reports() {
  using sc_core::sc_report_handler;
  sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
  sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_DO_NOTHING);
  sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_THROW);
  sc_report_handler::set_actions(sc_core::SC_FATAL, sc_core::SC_THROW);
}

}  // namespace

Expected<SimSession> SimSession::open() {
  if (session_open) return fail(ErrorKind::run_failed, "a simulation is running in this process already; one SystemC kernel serves one at a time");
  setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
  if (kernel_used) fresh_kernel();
  kernel_used = true;
  session_open = true;
  quiet_reports();
  return SimSession();
}

SimSession::SimSession(SimSession&& other) noexcept : open_(other.open_) { other.open_ = false; }

SimSession::~SimSession() {
  if (open_) session_open = false;
}

Expected<void> SimSession::run() {
  try {
    sc_core::sc_start();
  } catch (const sc_core::sc_report& report) {
    return fail(ErrorKind::run_failed, std::string("SystemC: ") + report.get_msg_type() + ": " + report.get_msg());
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, std::string("simulation: ") + error.what());
  }
  return {};
}

std::string systemc_version() {
  return std::to_string(sc_core::sc_version_major) + "." + std::to_string(sc_core::sc_version_minor) + "." + std::to_string(sc_core::sc_version_patch);
}

}  // namespace gnomon::sim
