// Random designs of a campaign's space, simulated by the cycle model.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "gnomon/base/random.hpp"
#include "gnomon/search/campaign.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon::bench {

[[noreturn]] inline void stop(const Error& error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  std::exit(1);
}
template <typename T>
T take(Expected<T> value) {
  if (!value) stop(value.error());
  return std::move(*value);
}

/// A row for each random design that can be simulated: the campaign's parameters, then the labels.
inline arch::LabelTable simulate(const search::Campaign& campaign, const std::vector<std::string>& labels, std::size_t rows) {
  arch::EvaluatorRegistry registry;
  sim::register_cycle(registry);
  const auto evaluator = take(registry.make("accelerator", "cycle"));
  std::vector<arch::LabelTable::Column> columns;
  for (const arch::Parameter& p : campaign.space.parameters()) columns.push_back({p.name, "", p.kind != arch::ParameterKind::categorical, {}, {}});
  for (const std::string& label : labels) columns.push_back({label, "", true, {}, {}});
  Random random(1);
  while (columns.back().numbers.size() < rows) {
    const auto point = campaign.space.sample(random);
    if (!point) stop(Error(ErrorKind::invalid_input, "the campaign's space has no point"));
    const auto answer = evaluator->evaluate(take(search::make_job(campaign, *point, "cycle", 1)));
    if (!answer) continue;  // a design whose levels are too small for any tile
    for (std::size_t p = 0; p < point->size(); ++p) {
      const arch::Value& value = *(*point)[p];
      if (const auto* word = std::get_if<std::string>(&value)) columns[p].words.push_back(*word);
      if (const auto* whole = std::get_if<std::int64_t>(&value)) columns[p].numbers.push_back(static_cast<double>(*whole));
      if (const auto* real = std::get_if<double>(&value)) columns[p].numbers.push_back(*real);
    }
    for (std::size_t l = 0; l < labels.size(); ++l)
      for (const arch::Metric& metric : answer->metrics)
        if (metric.name == labels[l]) columns[columns.size() - labels.size() + l].numbers.push_back(metric.value);
  }
  arch::LabelTable table;
  for (arch::LabelTable::Column& column : columns) table.add(std::move(column));
  return table;
}

}  // namespace gnomon::bench
