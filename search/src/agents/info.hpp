#pragma once

#include <nlohmann/json.hpp>

#include "gnomon/search/agent.hpp"

namespace gnomon::search {

inline Expected<Document> options_document(const AgentSetup& setup) {
  if (setup.options_json.empty()) return Document::wrap(Json::object(), setup.file);
  return Document::parse(setup.options_json, setup.file);
}

/// The descriptor of an agent class made from (AgentSetup, Options), with a field table for its options.
template <class A, class Options>
AgentInfo agent_info(std::string name, std::string summary, std::size_t max_objectives) {
  AgentInfo info;
  info.name = std::move(name);
  info.summary = std::move(summary);
  info.max_objectives = max_objectives;
  info.kinds = {arch::ParameterKind::integer, arch::ParameterKind::real, arch::ParameterKind::ordinal,
                arch::ParameterKind::categorical, arch::ParameterKind::permutation};
  info.options = [] {
    Options options;
    return table_described([&](FieldVisitor& v) { describe(v, options); });
  };
  info.options_schema = [title = info.name] {
    Options options;
    return schema_described([&](FieldVisitor& v) { describe(v, options); }, "options of " + title).dump();
  };
  info.make = [](const AgentSetup& setup) -> Expected<std::unique_ptr<Agent>> {
    auto document = options_document(setup);
    if (!document) return fail(std::move(document.error()));
    Options options;
    auto read = read_described(*document, [&](FieldVisitor& v) { describe(v, options); });
    if (!read) {
      std::vector<Problem> problems = read.error().problems();
      for (Problem& problem : problems) problem.pointer = setup.pointer + problem.pointer;
      return fail(Error(read.error().kind(), std::move(problems)));
    }
    return std::unique_ptr<Agent>(std::make_unique<A>(setup, options));
  };
  return info;
}

}  // namespace gnomon::search
