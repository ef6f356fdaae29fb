#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/dram.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "gnomon/hls/layers.hpp"
#include "gnomon/search/campaign.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::cli {
namespace {

const std::vector<std::pair<std::string, Json (*)()>>& kinds() {
  static const std::vector<std::pair<std::string, Json (*)()>> all{{"campaign", search::campaign_schema}, {"design", arch::design_schema},
                                                                    {"kernel", hls::kernel_schema},       {"mapping", arch::mapping_schema},
                                                                    {"memory", arch::dram_schema},           {"network", hls::network_schema},
                                                                    {"workload", workloads::workload_schema}};
  return all;
}

}  // namespace

Command schema_command() {
  return {"schema", "Print the JSON Schema of a kind of file: campaign, design, kernel, mapping, memory, network or workload", "gnomon schema design > design.schema.json",
          [](CLI::App& app) -> Action {
            auto kind = std::make_shared<std::string>();
            app.add_option("KIND", *kind, "campaign, design, kernel, mapping, memory, network or workload")->required();
            return [kind]() -> Expected<int> {
              std::vector<std::string> names;
              for (const auto& [name, make] : kinds()) {
                if (name == *kind) {
                  print_json(make());
                  return 0;
                }
                names.push_back(name);
              }
              if (*kind == "memory") return fail(ErrorKind::unsupported, "memory files are not built in this version; schemas: " + join(names));
              return fail(ErrorKind::usage, unknown_word("kind", *kind, names));
            };
          }};
}

}  // namespace gnomon::cli
