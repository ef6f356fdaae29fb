#include <algorithm>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/dataset.hpp"
#include "layers/compose.hpp"
#include "layers/dataset_networks.hpp"
#include "layers/table_cosim.hpp"
#include "layers/timing.hpp"
#include "synth/table_file.hpp"
#include "synth/yosys.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

/// A deterministic cap: what is larger is not synthesised whole, whatever the machine.
constexpr double flat_cells = 16'000;  ///< LUTs and flip-flops together, as composed
constexpr std::int64_t rows_at_once = 64;

/// Four columns of resources; for a library of standard cells others.
std::string header_for(const std::string& target) {
  const std::string figures = target == "osu018" ? "area_um2,ff,memory_bits,cell_count" : "lut,ff,dsp,bram";
  return "row,kind,family,split,seed,precision_bits,strategy,io,reuse_factor,layer_count,multipliers,layers,network," + figures + ",cycles,ii,target,tool,mode,cosimulated";
}
/// Behind those: the figures of the same network synthesised whole, where that was done (FPGA targets).
const char* const flat_header = ",flat_lut,flat_ff,flat_dsp,flat_bram";
const char* const no_flat = ",,,,";

struct Plan {
  std::string kind, family, split;
  Network network;
};

std::vector<Plan> plan_rows(const LayerTableOptions& o) {
  std::vector<Plan> out;
  const auto random_row = [&](const char* kind, std::int64_t i, Network network) {
    const double at = Random(derive(derive(o.seed, std::string(kind) + "/split"), static_cast<std::uint64_t>(i))).uniform();
    out.push_back({kind, network.name, at < 0.7 ? "train" : at < 0.85 ? "validation" : "test", std::move(network)});
  };
  for (std::int64_t i = 0; i < o.fully_connected; ++i) random_row("fc", i, fully_connected_network(derive(derive(o.seed, "fc"), static_cast<std::uint64_t>(i))));
  for (std::int64_t i = 0; i < o.convolutional; ++i) random_row("conv", i, convolutional_network(derive(derive(o.seed, "conv"), static_cast<std::uint64_t>(i))));
  if (o.exemplars)
    for (Exemplar& e : exemplar_networks()) out.push_back({"exemplar", e.family, "exemplar", std::move(e.network)});
  return out;
}

struct Label {
  SynthFigures figures;
  std::int64_t memory_bits = 0;
  NetworkCycles cycles;
};

/// type:n_in:n_out:reuse_factor:activation:bias:residual:in_height:in_width:in_channels:height:width:channels:kernel:stride of each layer.
std::string layer_list(const Network& n, const std::vector<LayerShape>& shapes) {
  std::string out;
  for (std::size_t l = 0; l < shapes.size(); ++l) {
    const Layer& layer = n.layers[l];
    const LayerShape& s = shapes[l];
    out += (l > 0 ? ";" : "") + layer.type;
    const auto put = [&](std::int64_t v) { out += ":" + std::to_string(v); };
    put(s.n_in), put(s.n_out), put(s.reuse_factor);
    out += ":" + layer.activation;
    put(layer.bias && s.n_in > 0), put(layer.residual), put(s.in_height), put(s.in_width), put(s.in_channels), put(s.height), put(s.width), put(s.channels), put(layer.kernel), put(layer.type == "max_pool" ? layer.kernel : layer.stride);
  }
  return out;
}

std::string row_text(const LayerTableOptions& o, std::int64_t row, const Plan& plan, const Label& label, const std::string& tool) {
  const Network& n = plan.network;
  const auto shapes = network_shapes(n);
  std::int64_t multipliers = 0;
  for (const LayerShape& s : *shapes) multipliers += s.multipliers;
  const auto figure = [](const std::optional<double>& v) { return v ? number(*v) : std::string(); };
  const SynthFigures& f = label.figures;
  std::string out = std::to_string(row) + "," + plan.kind + "," + plan.family + "," + plan.split + "," + std::to_string(o.seed) + "," + std::to_string(n.precision_bits) + "," + n.strategy + "," + n.io + "," +
                    std::to_string(n.reuse_factor) + "," + std::to_string(n.layers.size()) + "," + std::to_string(multipliers) + "," + layer_list(n, *shapes) + "," + quoted(write_network(n).dump()) + ",";
  if (o.target == "osu018") out += figure(f.area_um2) + "," + figure(f.ff) + "," + std::to_string(label.memory_bits) + "," + std::to_string(f.cell_count) + ",";
  else out += figure(f.lut) + "," + figure(f.ff) + "," + figure(f.dsp) + "," + figure(f.bram) + ",";
  out += std::to_string(label.cycles.cycles) + "," + std::to_string(label.cycles.ii) + "," + o.target + "," + tool + ",composed,";
  return out;
}

/// The wa-hls4ml form: all values are strings, as there.
Json wa_record(const Plan& plan, std::int64_t row, const Label& label, const std::string& tool, const std::string& target) {
  const Network& n = plan.network;
  const auto shapes = network_shapes(n);
  const auto text = [](auto v) { return std::to_string(v); };
  Json out;
  out["meta_data"] = Json{{"model_id", plan.kind + "-" + text(row)}, {"model_name", plan.family}, {"artifacts_file", ""}};
  Json layers = Json::array(), names = Json::object();
  std::map<std::string, int> counts;
  for (std::size_t l = 0; l < shapes->size(); ++l) {
    const Layer& layer = n.layers[l];
    const LayerShape& s = (*shapes)[l];
    const bool two = layer.type == "conv2d" || (layer.type == "max_pool" && s.in_height > 1);
    const std::string cls = layer.type == "dense" ? "Dense" : layer.type == "conv1d" ? "Conv1D" : layer.type == "conv2d" ? "Conv2D" : layer.type == "flatten" ? "Flatten" : two ? "MaxPooling2D" : "MaxPooling1D";
    const auto shape = [&](std::int64_t h, std::int64_t w, std::int64_t c) {
      Json list = Json::array({nullptr});
      if (h > 1) list.push_back(text(h));
      if (h > 1 || w > 1) list.push_back(text(w));
      list.push_back(text(c));
      return list;
    };
    Json one{{"class_name", cls}, {"input_shape", shape(s.in_height, s.in_width, s.in_channels)}, {"output_shape", shape(s.height, s.width, s.channels)},
             {"parameters", text(s.n_in * s.n_out + (layer.bias && s.n_in > 0 ? s.n_out : 0))}};
    if (layer.type == "dense") one["neurons"] = text(layer.size);
    if (layer.type.starts_with("conv")) {
      one["filters"] = text(layer.size);
      one["kernel_size"] = two ? Json::array({text(layer.kernel), text(layer.kernel)}) : Json::array({text(layer.kernel)});
      one["strides"] = two ? Json::array({text(layer.stride), text(layer.stride)}) : Json::array({text(layer.stride)});
      one["padding"] = "valid";
    }
    if (layer.type == "max_pool") one["pool_size"] = one["strides"] = two ? Json::array({text(layer.kernel), text(layer.kernel)}) : Json::array({text(layer.kernel)});
    if (s.n_in > 0) {
      one["activation"] = layer.activation;
      one["use_bias"] = layer.bias ? "True" : "False";
      one["reuse_factor"] = text(s.reuse_factor);
      if (layer.residual) one["residual"] = "True";
    }
    std::string name = layer.type;
    if (const int i = counts[name]++; i > 0) name += "_" + text(i);
    one["name"] = name;
    if (s.n_in > 0) names[name] = Json{{"ReuseFactor", text(s.reuse_factor)}, {"Strategy", n.strategy}};
    layers.push_back(std::move(one));
  }
  out["model_config"] = std::move(layers);
  out["hls_config"] = Json{{"Model", Json{{"Precision", "ap_fixed<" + text(n.precision_bits) + ",1>"}, {"ReuseFactor", text(n.reuse_factor)}, {"Strategy", n.strategy}, {"BramFactor", "1000000000"}, {"TraceOutput", "False"}}},
                           {"LayerName", std::move(names)}, {"clock_period", "10"}, {"io_type", n.io}};
  const auto figure = [](const std::optional<double>& v) { return v ? number(*v) : std::string(); };
  out["resource_report"] = Json{{"bram", figure(label.figures.bram)}, {"dsp", figure(label.figures.dsp)}, {"ff", figure(label.figures.ff)}, {"lut", figure(label.figures.lut)}, {"uram", "0"}};
  out["hls_resource_report"] = Json::object();
  out["latency_report"] = Json{{"cycles_min", text(label.cycles.cycles)}, {"cycles_max", text(label.cycles.cycles)}, {"target_clock", "10"}, {"estimated_clock", ""}, {"interval_min", text(label.cycles.ii)}, {"interval_max", text(label.cycles.ii)}};
  out["target_part"] = target;
  out["vivado_version"] = tool + " (composed)";
  out["hls4ml_version"] = "gnomon";
  return out;
}

/// Networks of the test set synthesised whole, into a table of their own as they come; `lines` are the rows of the table of labels. Gives the flat columns by row.
Expected<std::map<std::size_t, std::string>> write_flat_table(const LayerTableOptions& o, const std::vector<std::string>& lines) {
  const fs::path file = o.flat_out.empty() ? fs::path(o.out.string() + ".flat.csv") : o.flat_out;
  const std::string first = "row,lut,ff,dsp,bram,composed_lut,composed_ff,composed_dsp,composed_bram,tool,mode";
  const std::vector<Plan> plans = plan_rows(o);
  // Of the test set, the smallest by their composed figures: a longer run goes on where a shorter one ended.
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].split != "test") continue;
    const auto composed = fields_of(lines[i]);
    double lut = 0, ff = 0;
    if (parse_real(composed[13], lut) && parse_real(composed[14], ff) && lut + ff <= flat_cells) order.emplace_back(lut + ff, i);
  }
  std::sort(order.begin(), order.end());
  if (static_cast<std::int64_t>(order.size()) > o.flat) order.resize(static_cast<std::size_t>(o.flat));
  auto kept = kept_lines(file, first);
  if (!kept) return fail(std::move(kept.error()));
  std::string text = first + "\n";
  for (const std::string& line : *kept) text += line + "\n";
  if (auto done = write_file(file, text); !done) return fail(std::move(done.error()));
  std::ofstream out(file, std::ios::app | std::ios::binary);
  std::map<std::size_t, std::string> table;
  std::vector<std::size_t> chosen;
  for (const auto& [cells, i] : order) chosen.push_back(i);
  auto version = yosys_version();
  SynthOptions synth;
  synth.target = o.target;
  synth.cache = o.cache;
  synth.flat = true;
  synth.timing = false;
  const std::size_t begin = std::min(kept->size(), chosen.size());
  for (std::size_t i = 0; i < begin; ++i) {
    const auto f = fields_of((*kept)[i]);
    if (f.size() != 11 || f[0] != std::to_string(chosen[i])) return fail(ErrorKind::invalid_input, file.string() + ": line " + std::to_string(i + 2) + " is not of row " + std::to_string(chosen[i]));
    table[chosen[i]] = "," + f[1] + "," + f[2] + "," + f[3] + "," + f[4];
  }
  // Several a worker, so that none waits long for the slowest of a group.
  const std::size_t step = 4 * static_cast<std::size_t>(std::clamp(o.jobs, 1, 64));
  for (std::size_t from = begin; from < chosen.size(); from += step) {
    const std::size_t count = std::min(step, chosen.size() - from);
    std::vector<Expected<SynthResult>> results(count, SynthResult{});
    in_threads(o.jobs, count, [&](std::size_t i) { results[i] = synthesise(plans[chosen[from + i]].network, synth); });
    for (std::size_t i = 0; i < count; ++i) {
      if (!results[i]) return fail(std::move(results[i].error()));
      const SynthFigures& f = results[i]->total;
      const auto composed = fields_of(lines[chosen[from + i]]);
      const std::string figures = "," + number(*f.lut) + "," + number(*f.ff) + "," + number(*f.dsp) + "," + number(*f.bram);
      out << std::to_string(chosen[from + i]) + figures + "," + composed[13] + "," + composed[14] + "," + composed[15] + "," + composed[16] + "," + *version + ",flat\n";
      table[chosen[from + i]] = figures;
    }
    out << std::flush;
    if (o.progress) o.progress(static_cast<std::int64_t>(from + count), static_cast<std::int64_t>(chosen.size()));
  }
  return table;
}

}  // namespace

Expected<LayerTable> write_layer_table(const LayerTableOptions& o) {
  const auto bad_count = [](std::int64_t v) { return v < 0 || v > 1'000'000; };
  if (bad_count(o.fully_connected) || bad_count(o.convolutional) || bad_count(o.flat)) return fail(ErrorKind::invalid_input, "a number of networks is out of range; 0 to 1000000 is allowed");
  if (!(o.cosim >= 0 && o.cosim <= 1)) return fail(ErrorKind::invalid_input, "cosim is " + number(o.cosim) + "; a share from 0 to 1 is allowed");
  const bool fpga = o.target == "xcup" || o.target == "xc7";
  if (!fpga && o.target != "osu018") return fail(ErrorKind::unsupported, "target " + in_quotes(o.target) + ": layers are labelled for xcup, xc7 and osu018");
  if (!fpga && o.flat > 0) return fail(ErrorKind::unsupported, "networks synthesised whole for osu018: tables and line memories would become registers; flat labels are for xcup and xc7");
  if (!fpga && !o.wa_json.empty()) return fail(ErrorKind::unsupported, "the wa-hls4ml form has no place for an area; it is written for xcup and xc7");
  auto version = yosys_version();
  if (!version) return fail(std::move(version.error()));
  const std::vector<Plan> plans = plan_rows(o);
  if (plans.empty()) return fail(ErrorKind::invalid_input, "no networks are asked for");
  const auto row_count = static_cast<std::int64_t>(plans.size());
  const std::string first = header_for(o.target) + (fpga ? flat_header : "");
  const bool zipped = o.out.extension() == ".gz";
  const fs::path rows_file = zipped ? fs::path(o.out.string() + ".partial") : o.out;

  LayerTable table;
  auto kept = kept_lines(rows_file, first);
  if (!kept) return fail(std::move(kept.error()));
  std::vector<std::string> lines;
  for (std::string& line : *kept) {
    if (table.kept == row_count) break;
    const Plan& plan = plans[static_cast<std::size_t>(table.kept)];
    if (!line.starts_with(std::to_string(table.kept) + "," + plan.kind + "," + plan.family + "," + plan.split + "," + std::to_string(o.seed) + ",") || fields_of(line).size() != fields_of(first).size())
      return fail(ErrorKind::invalid_input, rows_file.string() + ": row " + std::to_string(table.kept) + " is not of seed " + std::to_string(o.seed) + " or of these networks");
    for (int comma = 0; comma < (fpga ? 5 : 1); ++comma) line.erase(line.rfind(','));  // filled again below
    line += ',';
    ++table.kept;
    lines.push_back(std::move(line));
  }
  std::string begun = first + "\n";
  const std::string unknown = fpga ? std::string("0") + no_flat : "0";
  for (const std::string& line : lines) begun += line + unknown + "\n";
  if (auto done = write_file(rows_file, begun); !done) return fail(std::move(done.error()));

  SynthOptions synth;
  synth.target = o.target;
  synth.jobs = o.jobs;
  synth.cache = o.cache;
  Composer composer(synth);
  {
    std::ofstream out(rows_file, std::ios::app | std::ios::binary);
    for (std::int64_t from = table.kept; from < row_count; from += rows_at_once) {
      const auto count = static_cast<std::size_t>(std::min(rows_at_once, row_count - from));
      std::vector<Label> labels(count);
      std::vector<BlockCounts> counts(count);
      std::vector<std::optional<Error>> errors(count);
      const auto where = [&](std::size_t i) { return "row " + std::to_string(from + static_cast<std::int64_t>(i)) + ": "; };
      in_threads(o.jobs, count, [&](std::size_t i) {
        auto built = build_network(plans[static_cast<std::size_t>(from) + i].network, false);
        if (!built) {
          errors[i] = built.error();
          return;
        }
        auto cycles = network_cycles(*built, 3, 0, 1);
        if (!cycles) {
          errors[i] = cycles.error();
          return;
        }
        counts[i] = std::move(built->counts);
        labels[i].cycles = *cycles;
      });
      for (std::size_t i = 0; i < count; ++i)
        if (errors[i]) return fail(errors[i]->kind(), where(i) + errors[i]->text());
      std::set<BlockKey> keys;
      for (const BlockCounts& c : counts)
        for (const auto& [key, times] : needed_blocks(c, o.target)) keys.insert(key);
      auto fresh = composer.prepare(keys);
      if (!fresh) return fail(std::move(fresh.error()));
      table.blocks += *fresh;
      for (std::size_t i = 0; i < count; ++i) {
        auto result = composer.compose(counts[i]);
        if (!result) return fail(std::move(result.error()));
        labels[i].figures = result->total;
        labels[i].memory_bits = result->sram_bits;
        const std::int64_t row = from + static_cast<std::int64_t>(i);
        std::string text = row_text(o, row, plans[static_cast<std::size_t>(row)], labels[i], *version);
        out << text << unknown << "\n";
        lines.push_back(std::move(text));
      }
      out << std::flush;
      if (!out) return fail(ErrorKind::run_failed, rows_file.string() + ": cannot be written");
      if (o.progress) o.progress(from + static_cast<std::int64_t>(count), row_count);
    }
  }
  table.rows = row_count;
  if (!o.wa_json.empty()) {
    Json all = Json::array();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto f = fields_of(lines[i]);
      Label label;
      double v = 0;
      std::optional<double>* const to[] = {&label.figures.lut, &label.figures.ff, &label.figures.dsp, &label.figures.bram};
      for (std::size_t k = 0; k < 4; ++k)
        if (parse_real(f[13 + k], v)) *to[k] = v;
      long long whole_number = 0;
      if (parse_integer(f[17], whole_number)) label.cycles.cycles = whole_number;
      if (parse_integer(f[18], whole_number)) label.cycles.ii = whole_number;
      all.push_back(wa_record(plans[i], static_cast<std::int64_t>(i), label, *version, o.target));
    }
    const std::string text = all.dump(1) + "\n";
    if (auto done = o.wa_json.extension() == ".gz" ? write_gzip(o.wa_json, text) : write_file(o.wa_json, text); !done) return fail(std::move(done.error()));
  }
  std::set<std::int64_t> checked;
  if (o.cosim > 0) {
    std::vector<CosimRow> rows;
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const auto f = fields_of(lines[i]);
      rows.push_back({&plans[i].network, f[17], f[18]});
    }
    auto done = cosimulate_share(o, rows);
    if (!done) return fail(std::move(done.error()));
    checked = std::move(*done);
    table.cosimulated = static_cast<std::int64_t>(checked.size());
  }
  std::map<std::size_t, std::string> flat;
  if (o.flat > 0) {
    auto done = write_flat_table(o, lines);
    if (!done) return fail(std::move(done.error()));
    flat = std::move(*done);
    table.flat = static_cast<std::int64_t>(flat.size());
  }
  std::string whole = first + "\n";
  for (std::size_t i = 0; i < lines.size(); ++i) whole += lines[i] + (checked.contains(static_cast<std::int64_t>(i)) ? "1" : "0") + (flat.contains(i) ? flat.at(i) : fpga ? no_flat : "") + "\n";
  table.hash = sha256(whole);
  if (auto done = zipped ? write_gzip(o.out, whole) : write_file(o.out, whole); !done) return fail(std::move(done.error()));
  return table;
}

}  // namespace gnomon::hls
