#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/lowering.hpp"
#include "gnomon/arch/metrics.hpp"
#include "gnomon/arch/technology.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/agent.hpp"
#include "gnomon/search/problems.hpp"
#include "gnomon/workloads/load.hpp"
#include "gnomon/workloads/trace.hpp"

namespace gnomon::cli {
namespace {

struct Listing {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

Listing list_agents() {
  Listing out{{"agent", "state", "description"}, {}};
  for (const auto& [name, agent] : search::agents().entries()) out.rows.push_back({name, "built", agent.summary});
  return out;
}

Listing list_fidelities() {
  Listing out{{"subject", "fidelities"}, {}};
  for (const std::string& subject : evaluators().subjects()) out.rows.push_back({subject, join(evaluators().fidelities(subject))});
  return out;
}

Listing list_metrics() {
  Listing out{{"metric", "unit", "summary"}, {}};
  for (const arch::MetricInfo& metric : arch::metric_infos()) out.rows.push_back({metric.name, metric.unit, metric.summary});
  return out;
}

Listing list_models() {
  Listing out{{"model", "description", "source"}, {}};
  for (const workloads::ZooEntry& entry : workloads::zoo_entries()) out.rows.push_back({"zoo:" + entry.name, entry.description, entry.source});
  return out;
}

Listing list_problems() {
  Listing out{{"problem", "best", "description", "truth"}, {}};
  for (const search::ProblemInfo& problem : search::problems()) {
    const search::ProblemTruth& truth = problem.truth;
    out.rows.push_back({problem.name, truth.optimum ? number(*truth.optimum) : truth.hypervolume ? "hypervolume " + number(*truth.hypervolume) : "-", problem.summary,
                        truth.source.empty() ? "not known" : truth.source});
  }
  out.rows.push_back({"table", "exact", "every row of a CSV or space table: {\"name\": \"table\", \"file\": ...}", "the table"});
  out.rows.push_back({"iccad22", "exact", "the ICCAD 2022 contest table: {\"name\": \"iccad22\", \"file\": ...}", "the table, front of 145 points"});
  return out;
}

Listing list_technologies() {
  Listing out{{"technology", "constant", "value", "unit", "source"}, {}};
  for (const std::string& name : arch::technology_names()) {
    for (const arch::Constant& constant : (*arch::find_technology(name))->constants) {
      out.rows.push_back({name, constant.name, number(constant.value), constant.unit, constant.source});
    }
  }
  return out;
}

Listing list_dataflows() {
  Listing out{{"dataflow", "stationary operand", "rows x columns", "streamed"}, {}};
  for (const arch::DataflowInfo& flow : arch::dataflows()) {
    out.rows.push_back({flow.name, arch::operand_names()[static_cast<std::size_t>(flow.stationary)],
                        std::string(1, arch::letter(flow.rows)) + " x " + arch::letter(flow.cols), std::string(1, arch::letter(flow.streamed))});
  }
  return out;
}

Listing list_memories() {
  Listing out{{"memory", "standard", "speed", "GB/s", "GiB", "energies"}, {}};
  for (const std::string& name : arch::dram_devices()) {
    const auto dram = arch::load_dram(name);
    if (!dram) continue;
    out.rows.push_back({name, arch::dram_standard_names()[static_cast<std::size_t>(dram->standard)], dram->speed, number(std::round(dram->peak_bandwidth_gb_s() * 10) / 10),
                        number(static_cast<double>(dram->bytes()) / 1073741824.0), dram->power ? "yes" : "no currents published"});
  }
  return out;
}

Listing list_traces() {
  Listing out{{"trace", "accesses", "description"}, {}};
  for (const workloads::TracePattern& pattern : workloads::trace_patterns()) out.rows.push_back({"trace:" + pattern.name, std::to_string(pattern.count), pattern.description});
  return out;
}

const std::vector<std::pair<std::string, Listing (*)()>>& kinds() {
  static const std::vector<std::pair<std::string, Listing (*)()>> all{
      {"agents", list_agents},     {"dataflows", list_dataflows}, {"fidelities", list_fidelities}, {"memories", list_memories},         {"metrics", list_metrics},
      {"models", list_models},     {"problems", list_problems},   {"technologies", list_technologies}, {"traces", list_traces},
  };
  return all;
}

}  // namespace

Command list_command() {
  return {"list", "List what can be named: agents, dataflows, fidelities, memories, metrics, models, problems, technologies, traces", "gnomon list agents",
          [](CLI::App& app) -> Action {
            struct Options {
              std::string kind;
              bool json = false;
            };
            auto options = std::make_shared<Options>();
            app.add_option("KIND", options->kind, "agents, dataflows, fidelities, memories, metrics, models, problems, technologies or traces")->required();
            app.add_flag("--json", options->json, "print one JSON document");
            return [options]() -> Expected<int> {
              std::vector<std::string> names;
              for (const auto& [name, make] : kinds()) {
                names.push_back(name);
                if (name != options->kind) continue;
                const Listing listing = make();
                if (!options->json) {
                  print(table(listing.head, listing.rows, listing.head.size()));
                  return 0;
                }
                Json items = Json::array();
                for (const auto& row : listing.rows) {
                  Json item = Json::object();
                  for (std::size_t i = 0; i < row.size(); ++i) item[listing.head[i]] = row[i];
                  items.push_back(std::move(item));
                }
                print_json(Json{{"schema", "gnomon.list/1"}, {"kind", name}, {"items", items}});
                return 0;
              }
              return fail(ErrorKind::usage, unknown_word("kind", options->kind, names));
            };
          }};
}

}  // namespace gnomon::cli
