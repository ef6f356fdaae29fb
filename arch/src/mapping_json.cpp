#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

const std::vector<std::string> dim_words{"g", "m", "n", "k"};
const std::vector<std::string> layout_words{"streamed", "row_major", "col_major"};
constexpr std::int64_t most_tiles = std::int64_t{1} << 48;

/// `["m", 49]`: a dimension and a number.
struct DimNumber {
  std::string dim = "m";
  std::int64_t number = 1;
};
struct EntrySpec {
  std::string level;
  std::vector<DimNumber> loops;
  std::optional<std::vector<std::string>> keeps;
};
struct ArrayMapSpec {
  DimNumber rows, cols;
  std::vector<DimNumber> folds;
};
struct LayoutSpec {
  std::string ifmap = "streamed", filter = "streamed", ofmap = "streamed";
};
struct StepSpec {
  std::string core;
  std::vector<EntrySpec> levels;
  ArrayMapSpec array;
  LayoutSpec layout;
};
struct MappingSpec {
  std::int64_t version = 1;
  std::map<std::string, StepSpec> steps;
};

void field(FieldVisitor& v, const Key& key, DimNumber& pair) {
  v.list(
      key, 2, [](std::size_t) {},
      [&](FieldVisitor& inner, const Key& index, std::size_t i) {
        if (i == 0) return inner.choice(index, pair.dim, Choice{dim_words});
        if (i == 1) return inner.integer(index, pair.number, Range{1, most_tiles});
        std::string text;
        inner.raw(index, text, Raw{R"({"type": ["string", "integer"]})"});
      },
      Length{2, 2});
}
void field(FieldVisitor& v, const Key& key, std::vector<DimNumber>& pairs) {
  v.list(
      key, pairs.size(), [&](std::size_t n) { pairs.assign(n, {}); },
      [&](FieldVisitor& inner, const Key& index, std::size_t i) {
        DimNumber scratch;
        field(inner, index, i < pairs.size() ? pairs[i] : scratch);
      },
      Length{0, 64});
}

void describe(FieldVisitor& v, EntrySpec& s) {
  gnomon::field(v, {"level", "memory, or a level's name", "", Key::required}, s.level);
  field(v, {"loops", "loops inside this level's tile, outer to inner: [dimension, tiles]", "", Key::required}, s.loops);
  gnomon::field(v, {"keeps", "operands whose tiles the level holds; memory holds all"}, s.keeps, Length{0, operand_count},
                Choice{operand_names()});
}
void describe(FieldVisitor& v, ArrayMapSpec& s) {
  field(v, {"rows", "dimension on the rows, and how many of them", "", Key::required}, s.rows);
  field(v, {"cols", "dimension on the columns, and how many of them", "", Key::required}, s.cols);
  field(v, {"folds", "loops over the folds of an array tile, outer to inner", "", Key::required}, s.folds);
}
void describe(FieldVisitor& v, LayoutSpec& s) {
  gnomon::field(v, {"ifmap", "order of its words in the innermost level"}, s.ifmap, Choice{layout_words});
  gnomon::field(v, {"filter", "order of its words in the innermost level"}, s.filter, Choice{layout_words});
  gnomon::field(v, {"ofmap", "order of its words in the innermost level"}, s.ofmap, Choice{layout_words});
}
void describe(FieldVisitor& v, StepSpec& s) {
  gnomon::field(v, {"core", "core that runs the step", "", Key::required}, s.core);
  gnomon::field(v, {"levels", "from memory inwards", "", Key::required}, s.levels, Length{1, 64});
  gnomon::field(v, {"array", "what the array does in one tile", "", Key::required}, s.array);
  gnomon::field(v, {"layout", "where words lie in banks"}, s.layout);
}
void describe(FieldVisitor& v, MappingSpec& s) {
  gnomon::field(v, {"version", "version of this format", "", Key::required}, s.version, Range{1, 1});
  gnomon::field(v, {"steps", "by step: an operator's name, with .qk or .av for attention", "", Key::required}, s.steps);
}

Dim dim_of(const std::string& word) {
  return static_cast<Dim>(std::find(dim_words.begin(), dim_words.end(), word) - dim_words.begin());
}
Layout layout_of(const std::string& word) {
  return static_cast<Layout>(std::find(layout_words.begin(), layout_words.end(), word) - layout_words.begin());
}
Loop loop_of(const DimNumber& pair) {
  return {dim_of(pair.dim), pair.number};
}
DimNumber pair_of(Dim dim, std::int64_t number) {
  return {std::string(1, letter(dim)), number};
}

StepMapping step_of(const std::string& name, const StepSpec& spec, const std::string& file, std::vector<Problem>& problems) {
  StepMapping step;
  step.step = name;
  step.core = spec.core;
  for (std::size_t i = 0; i < spec.levels.size(); ++i) {
    const EntrySpec& entry = spec.levels[i];
    const std::string here = "/steps" + pointer_step(name) + "/levels/" + std::to_string(i);
    LevelLoops out;
    out.level = entry.level;
    for (const DimNumber& pair : entry.loops) out.loops.push_back(loop_of(pair));
    if (!entry.keeps && entry.level != "memory")
      problems.push_back({file, here, "key \"keeps\" is missing; only memory keeps everything unsaid"});
    for (int o = 0; o < operand_count; ++o) {
      const std::string& operand = operand_names()[static_cast<std::size_t>(o)];
      out.keeps[o] = !entry.keeps || std::find(entry.keeps->begin(), entry.keeps->end(), operand) != entry.keeps->end();
    }
    step.levels.push_back(std::move(out));
  }
  step.rows_dim = dim_of(spec.array.rows.dim);
  step.rows_size = spec.array.rows.number;
  step.cols_dim = dim_of(spec.array.cols.dim);
  step.cols_size = spec.array.cols.number;
  for (const DimNumber& pair : spec.array.folds) step.folds.push_back(loop_of(pair));
  step.layout[0] = layout_of(spec.layout.ifmap);
  step.layout[1] = layout_of(spec.layout.filter);
  step.layout[2] = layout_of(spec.layout.ofmap);
  return step;
}

StepSpec spec_of(const StepMapping& step) {
  StepSpec spec;
  spec.core = step.core;
  for (const LevelLoops& level : step.levels) {
    EntrySpec entry;
    entry.level = level.level;
    for (const Loop& loop : level.loops) entry.loops.push_back(pair_of(loop.dim, loop.count));
    entry.keeps.emplace();
    for (int o = 0; o < operand_count; ++o) {
      if (level.keeps[o]) entry.keeps->push_back(operand_names()[static_cast<std::size_t>(o)]);
    }
    spec.levels.push_back(std::move(entry));
  }
  spec.array.rows = pair_of(step.rows_dim, step.rows_size);
  spec.array.cols = pair_of(step.cols_dim, step.cols_size);
  for (const Loop& loop : step.folds) spec.array.folds.push_back(pair_of(loop.dim, loop.count));
  spec.layout = {layout_words[static_cast<std::size_t>(step.layout[0])], layout_words[static_cast<std::size_t>(step.layout[1])],
                 layout_words[static_cast<std::size_t>(step.layout[2])]};
  return spec;
}

}  // namespace

Expected<Mapping> read_mapping(const Document& document) {
  auto spec = read_fields<MappingSpec>(document);
  if (!spec) return fail(std::move(spec.error()));
  Mapping mapping;
  std::vector<Problem> problems;
  for (const auto& [name, step] : spec->steps) mapping.steps.push_back(step_of(name, step, document.file(), problems));
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return mapping;
}

Json write_mapping(const Mapping& mapping) {
  MappingSpec spec;
  for (const StepMapping& step : mapping.steps) spec.steps[step.step] = spec_of(step);
  return write_fields(spec);
}

std::string step_mapping_json(const StepMapping& step) {
  return write_fields(spec_of(step)).dump();
}

Json mapping_schema() {
  return schema_fields<MappingSpec>("gnomon mapping");
}

}  // namespace gnomon::arch
