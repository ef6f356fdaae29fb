// Prints the sample's JSON Schema with documents and the strict reader's verdict on each, for check_schema.py.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "gnomon/base/fields.hpp"
#include "sample.hpp"

int main() {
  const char* documents[] = {R"({"rows": 4})",
                             R"({"rows": 4, "lanes": 3, "levels": [{"name": "a", "kib": 1, "banks": 2}], "weights": {"x": 0.5}, "sizes": [1, 100]})",
                             R"({"rows": 1024, "clock_mhz": 0.001, "dataflow": "is", "extra": {"name": "e", "kib": 1048576}})",
                             R"({})",
                             R"({"rows": 0})",
                             R"({"rows": 4.5})",
                             R"({"rows": "4"})",
                             R"({"rows": 4, "colums": 1})",
                             R"({"rows": 4, "clock_mhz": 0})",
                             R"({"rows": 4, "dataflow": "wss"})",
                             R"({"rows": 4, "levels": [{"name": "a"}]})",
                             R"({"rows": 4, "levels": [{"name": "a", "kib": 0}]})",
                             R"({"rows": 4, "levels": {}})",
                             R"({"rows": 4, "sizes": [0]})",
                             R"({"rows": 4, "sizes": [1, 2, 3, 4, 5]})",
                             R"({"rows": 4, "weights": {"x": 1.5}})",
                             R"({"rows": 4, "lanes": null})",
                             R"({"rows": 4, "overlap": "yes"})",
                             R"([4])"};
  gnomon::Json out{{"schema", gnomon::schema_fields<sample::Box>("box")}, {"cases", gnomon::Json::array()}};
  for (const char* text : documents) {
    const auto document = gnomon::Document::parse(text, "case");
    const bool reads = document && gnomon::read_fields<sample::Box>(*document).has_value();
    out["cases"].push_back({{"document", gnomon::Json::parse(text)}, {"reads", reads}});
  }
  std::puts(out.dump(1).c_str());
}
