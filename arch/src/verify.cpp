#include <algorithm>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// Checks one step's mapping; every method adds what is wrong.
class Check {
 public:
  Check(const Design& design, const Core& core, const ArrayWork& work, const StepMapping& mapping, const std::string& file,
        const std::string& where)
      : design_(design), core_(core), work_(work), mapping_(mapping), file_(file), where_(where) {}

  Expected<void> run() {
    for (int d = 0; d < dim_count; ++d) {
      if (work_.extent[d] < 1) wrong("", "the work has no extent in " + quoted(static_cast<Dim>(d)));
    }
    if (mapping_.core != core_.name)
      wrong("/core", "found " + in_quotes(mapping_.core) + "; the step runs on core " + in_quotes(core_.name));
    if (!problems_.empty()) return done();
    levels();
    if (problems_.empty()) loops();
    if (problems_.empty()) array();
    if (problems_.empty()) capacity();
    return done();
  }

 private:
  const Design& design_;
  const Core& core_;
  const ArrayWork& work_;
  const StepMapping& mapping_;
  const std::string& file_;
  const std::string& where_;
  std::vector<Problem> problems_;
  std::vector<const Level*> level_;              // by entry; none for memory
  std::int64_t tile_[dim_count] = {1, 1, 1, 1};  // largest array tile

  void wrong(const std::string& pointer, const std::string& message) { problems_.push_back({file_, where_ + pointer, message}); }
  Expected<void> done() {
    if (problems_.empty()) return {};
    return fail(Error(ErrorKind::invalid_input, std::move(problems_)));
  }
  static std::string quoted(Dim dim) { return std::string("\"") + letter(dim) + "\""; }

  void levels() {
    std::vector<std::string> names{"memory"};
    level_.push_back(nullptr);
    for (const auto* levels : {&design_.shared, &core_.levels}) {
      for (auto level = levels->rbegin(); level != levels->rend(); ++level) {
        names.push_back(level->name);
        level_.push_back(&*level);
      }
    }
    std::vector<std::string> found;
    for (const LevelLoops& entry : mapping_.levels) found.push_back(entry.level);
    if (found != names) {
      wrong("/levels", "found the levels " + join(found) + "; the design has, from memory inwards: " + join(names));
      return;
    }
    const std::size_t first_core_level = 1 + design_.shared.size();
    for (int o = 0; o < operand_count; ++o) {
      const std::string& operand = operand_names()[static_cast<std::size_t>(o)];
      if (!mapping_.levels[0].keeps[o]) wrong("/levels/0/keeps", "memory keeps everything, but " + operand + " is missing");
      bool kept = false;
      for (std::size_t i = 1; i < mapping_.levels.size(); ++i) {
        if (!mapping_.levels[i].keeps[o]) continue;
        kept = kept || i >= first_core_level;
        if (!level_[i]->holds[o])
          wrong("/levels/" + std::to_string(i) + "/keeps",
                "level " + in_quotes(level_[i]->name) + " does not hold the " + operand);
      }
      if (!kept)
        wrong("/levels", "no level of core " + in_quotes(core_.name) + " keeps the " + operand + "; the array needs it in one");
    }
  }

  void loops() {
    std::int64_t size[dim_count];
    bool cut[dim_count] = {false, false, false, false};
    for (int d = 0; d < dim_count; ++d) size[d] = work_.extent[d];
    for (std::size_t i = 0; i < mapping_.levels.size(); ++i) {
      for (std::size_t j = 0; j < mapping_.levels[i].loops.size(); ++j) {
        const Loop& loop = mapping_.levels[i].loops[j];
        const auto d = static_cast<std::size_t>(loop.dim);
        const std::string here = "/levels/" + std::to_string(i) + "/loops/" + std::to_string(j);
        if (loop.count < 1 || loop.count > size[d]) {
          wrong(here, "found " + std::to_string(loop.count) + " tiles of " + std::to_string(size[d]) + " in " + quoted(loop.dim) +
                          "; allowed: 1 to " + std::to_string(size[d]));
          continue;
        }
        const std::int64_t piece = ceil_div(size[d], loop.count);
        if (!cut[d] && ceil_div(size[d], piece) != loop.count) {
          wrong(here, "found " + std::to_string(loop.count) + " tiles of " + quoted(loop.dim) + ", but tiles of " +
                          std::to_string(piece) + " cover " + std::to_string(size[d]) + " with " +
                          std::to_string(ceil_div(size[d], piece)));
        }
        cut[d] = cut[d] || loop.count > 1;
        size[d] = piece;
      }
    }
    std::copy(size, size + dim_count, tile_);
  }

  void axis(const std::string& name, Dim found, Dim expected, std::int64_t size, std::int64_t pes) {
    if (found != expected)
      wrong("/array/" + name, "found " + quoted(found) + "; the dataflow puts " + quoted(expected) + " on " + name);
    if (size < 1 || size > pes) {
      wrong("/array/" + name,
            "found a size of " + std::to_string(size) + "; allowed: 1 to the array's " + std::to_string(pes) + " " + name);
    }
  }

  void array() {
    const SpatialDims dims = spatial_dims(core_.array.dataflow);
    axis("rows", mapping_.rows_dim, dims.rows, mapping_.rows_size, core_.array.rows);
    axis("cols", mapping_.cols_dim, dims.cols, mapping_.cols_size, core_.array.cols);
    std::int64_t count[dim_count] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < mapping_.folds.size(); ++i) {
      const Loop& loop = mapping_.folds[i];
      const std::string here = "/array/folds/" + std::to_string(i);
      std::int64_t& entry = count[static_cast<int>(loop.dim)];
      if (loop.dim != dims.rows && loop.dim != dims.cols) {
        wrong(here,
              "found a loop over " + quoted(loop.dim) + "; folds are over " + quoted(dims.rows) + " and " + quoted(dims.cols));
      } else if (entry != 0) {
        wrong(here, "a second loop over " + quoted(loop.dim) + "; allowed: one");
      } else if (loop.count < 1 || loop.count > tile_[static_cast<int>(loop.dim)]) {
        wrong(here,
              "found " + std::to_string(loop.count) + " folds of a tile of " + std::to_string(tile_[static_cast<int>(loop.dim)]));
      }
      entry = std::max<std::int64_t>(loop.count, 1);
    }
    if (!problems_.empty()) return;
    for (const auto& [name, dim, size] :
         {std::tuple{"rows", dims.rows, mapping_.rows_size}, std::tuple{"cols", dims.cols, mapping_.cols_size}}) {
      const std::int64_t tile = tile_[static_cast<int>(dim)];
      const std::int64_t folds = std::max<std::int64_t>(count[static_cast<int>(dim)], 1);
      const std::int64_t fold = ceil_div(tile, folds);
      if (fold > size) {
        wrong("/array/folds", std::to_string(folds) + " folds over " + quoted(dim) + " of a tile of " + std::to_string(tile) +
                                  " are " + std::to_string(fold) + " wide, more than the " + std::to_string(size) + " " + name);
      } else if (ceil_div(tile, fold) != folds) {
        wrong("/array/folds", std::to_string(folds) + " folds over " + quoted(dim) + ", but folds of " + std::to_string(fold) +
                                  " cover a tile of " + std::to_string(tile) + " with " + std::to_string(ceil_div(tile, fold)));
      }
    }
  }

  void capacity() {
    const std::vector<std::int64_t> needed = capacity_needed(core_, design_.shared, work_, mapping_);
    for (std::size_t i = 1; i < needed.size(); ++i) {
      const bool shared = i <= design_.shared.size();
      const std::int64_t there = shared ? level_[i]->bytes / static_cast<std::int64_t>(design_.cores.size()) : level_[i]->bytes;
      if (needed[i] <= there) continue;
      wrong("/levels/" + std::to_string(i), "the tiles kept in level " + in_quotes(level_[i]->name) + " need " +
                                                std::to_string(needed[i]) + " bytes; it has " + std::to_string(there) +
                                                (shared && design_.cores.size() > 1 ? " for each core" : ""));
    }
  }
};

}  // namespace

Expected<void> verify(const Design& design, const Core& core, const ArrayWork& work, const StepMapping& mapping,
                      const std::string& file, const std::string& where) {
  return Check(design, core, work, mapping, file, where).run();
}

}  // namespace gnomon::arch
