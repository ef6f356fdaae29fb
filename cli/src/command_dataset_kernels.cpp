#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/dataset.hpp"
#include "gnomon/hls/dependence_graph.hpp"
#include "gnomon/surrogate/node_table.hpp"
#include "reals.hpp"

namespace gnomon::cli {
namespace {

/// The dependence graphs of a table's kernels as node lists, by the column `row`.
Expected<void> write_nodes(const std::string& table, const std::string& out) {
  auto rows = arch::LabelTable::load(table);
  if (!rows) return fail(std::move(rows.error()));
  const auto kernels = rows->column("kernel");
  if (!kernels) return fail(Error(kernels.error()));
  surrogate::NodeTable nodes("row");
  for (std::size_t r = 0; r < rows->rows(); ++r) {
    auto document = Document::parse((*kernels)->words[r], rows->place_of(r));
    if (!document) return fail(std::move(document.error()));
    auto kernel = hls::read_kernel(*document);
    if (!kernel) return fail(std::move(kernel.error()));
    auto compiled = hls::compile(*kernel);
    if (!compiled) return fail(compiled.error().kind(), rows->place_of(r) + ": " + compiled.error().text());
    const hls::DependenceGraph graph = hls::dependence_graph(*compiled);
    nodes.add(std::to_string(r), graph, [&](surrogate::NodeTable::Line& line, hls::DependenceGraph::vertex_descriptor vertex) {
      const hls::DependenceNode& node = graph[vertex];
      // Cycles through later iterations bound the interval: the longest at the node itself, and how soon others come back.
      double again = 0, carried = 0;
      for (auto [e, end] = boost::in_edges(vertex, graph); e != end; ++e) {
        const hls::Dependence& edge = graph[*e];
        if (edge.distance <= 0) continue;
        const double per_iteration = static_cast<double>(edge.latency_cycles) / static_cast<double>(edge.distance);
        (boost::source(*e, graph) == vertex ? again : carried) = std::max(boost::source(*e, graph) == vertex ? again : carried, per_iteration);
      }
      line.put("kind", node.kind);
      line.put("op", node.op);
      line.put("bits", static_cast<double>(node.bits));
      line.put("latency_cycles", static_cast<double>(node.latency_cycles));
      line.put("delay_ns", node.delay_ns);
      line.put("iterations", static_cast<double>(node.iterations));
      line.put("ports", static_cast<double>(node.ports));
      line.put("own_cycle", again);
      line.put("carried_cycle", carried);
    });
  }
  return write_file(out, nodes.table().to_csv());
}

}  // namespace

Command kernels_dataset() {
  return {"kernels", "Random kernels with directives: interval, depth, cycles and resources", "gnomon dataset kernels --out kernels.csv --count 100", [](CLI::App& app) -> Action {
            struct Texts {
              std::string out, nodes;
              std::vector<std::string> of;
              bool json = false;
            };
            auto options = std::make_shared<hls::KernelTableOptions>();
            auto texts = std::make_shared<Texts>();
            options->jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
            app.add_option("--out", texts->out, "the table (CSV); one that was stopped is taken up where it ends")->required();
            app.add_option("--nodes", texts->nodes, "write the kernels' dependence graphs to this file (CSV), for `gnomon surrogate train --nodes FILE --node-key row`");
            app.add_option("--count", options->count, "kernels")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
            app.add_option("--of", texts->of, "kernels (JSON) in place of random ones, one after the other: first with their own directives, then with random ones; bound to no array");
            app.add_option("--seed", options->seed, "of kernels, directives and values")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--target", options->target, "synthesis: xcup, xc7, ice40 or none")->capture_default_str()->check(CLI::IsMember({"xcup", "xc7", "ice40", "none"}));
            app.add_option("--cosim", options->cosim, "share of rows that are run in RTL and must agree in bits and cycles")->capture_default_str()->check(reals(0.0, 1.0));
            app.add_option("--jobs", options->jobs, "synthesis runs at a time; default all cores")->check(CLI::Range(1, 64));
            app.add_flag("--json", texts->json, "print one JSON document");
            return [options, texts]() -> Expected<int> {
              options->out = texts->out;
              if (options->target == "none") options->target.clear();
              for (const std::string& file : texts->of) {
                auto document = Document::load(file);
                if (!document) return fail(std::move(document.error()));
                auto kernel = hls::read_kernel(*document);
                if (!kernel) return fail(std::move(kernel.error()));
                options->kernels.push_back(std::move(*kernel));
              }
              options->progress = [](std::int64_t done, std::int64_t all) { std::fprintf(stderr, "%lld of %lld\n", static_cast<long long>(done), static_cast<long long>(all)); };
              auto table = hls::write_kernel_table(*options);
              if (!table) return fail(std::move(table.error()));
              if (!texts->nodes.empty()) {
                if (auto done = write_nodes(texts->out, texts->nodes); !done) return fail(std::move(done.error()));
              }
              if (texts->json) {
                print_json({{"schema", "gnomon.dataset.kernels/1"}, {"provenance", provenance(table->hash, options->seed)}, {"file", texts->out}, {"rows", table->rows}, {"cosimulated", table->cosimulated},
                            {"without_resources", table->too_big}, {"sha256", table->hash}});
                return 0;
              }
              print(fmt::format("{} rows in {} ({} were there), {} co-simulated, {} without resources\nsha256 of the table: {}\n", table->rows, texts->out, table->kept, table->cosimulated, table->too_big,
                                table->hash));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
