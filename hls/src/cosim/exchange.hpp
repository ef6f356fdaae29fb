#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cosim/child.hpp"
#include "gnomon/base/fields.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

/// What a child found out, from `name`_result.json in its folder.
template <class Result>
Expected<Result> read_result(const std::filesystem::path& folder, const std::string& name) {
  auto document = Document::load(folder / (name + "_result.json"));
  if (!document) return fail(ErrorKind::run_failed, "the RTL's process left no result");
  return read_fields<Result>(*document);
}

/// The child's side: what it is to do, from `name`_job.json.
template <class File>
Expected<File> read_job_file(const std::filesystem::path& folder, const std::string& name) {
  auto document = Document::load(folder / (name + "_job.json"));
  if (!document) return fail(std::move(document.error()));
  return read_fields<File>(*document);
}

/// Writes a job as `name`_job.json into the folder (where its larger parts lie already), has a child do it, and reads what that leaves.
template <class Result, class File>
Expected<Result> exchange(const std::filesystem::path& folder, const std::string& name, File& file, const std::vector<std::string>& worker, double cpu_seconds) {
  auto done = write_file(folder / (name + "_job.json"), write_fields(file).dump());
  if (done) done = run_child(folder, worker, cpu_seconds);
  if (!done) return fail(std::move(done.error()));
  return read_result<Result>(folder, name);
}

}  // namespace gnomon::hls
