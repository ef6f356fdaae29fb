#include <algorithm>
#include <fmt/format.h>

#include "gnomon/base/registry.hpp"
#include "import/lower.hpp"
#include "zoo/builder.hpp"

namespace gnomon::workloads {
namespace zoo {
namespace {

struct Built {
  import::Model (*make)(const Options&);
  /// Tokens unless `?seq=N` says otherwise; 0 where there are none.
  std::int64_t seq;
  /// Most tokens that the position table holds.
  std::int64_t longest;
  std::string description, source;
};

const Registry<Built>& models() {
  static const Registry<Built> registry = [] {
    Registry<Built> r("built-in model");
    r.add("alexnet", {alexnet, 0, 0, "image classifier, 3x224x224, one-column form of torchvision, 714 M MACs", "arXiv:1404.5997"});
    r.add("vgg16", {vgg16, 0, 0, "image classifier, 3x224x224, configuration D, 15.5 G MACs", "arXiv:1409.1556"});
    r.add("resnet18", {resnet18, 0, 0, "image classifier, 3x224x224, batch normalisation folded, 1.81 G MACs", "arXiv:1512.03385"});
    r.add("resnet50", {resnet50, 0, 0, "image classifier, 3x224x224, v1.5 (stride in the 3x3), batch normalisation folded, 4.09 G MACs",
                       "arXiv:1512.03385"});
    r.add("mobilenet_v1", {mobilenet_v1, 0, 0, "image classifier, 3x224x224, width 1.0, 569 M MACs", "arXiv:1704.04861"});
    r.add("mobilenet_v2", {mobilenet_v2, 0, 0, "image classifier, 3x224x224, width 1.0, 301 M MACs", "arXiv:1801.04381"});
    r.add("mbnet", {mbnet, 0, 0,
                    "family of small image classifiers for co-exploration: ?depth=N&width=N&kernel=N&expansion=N&resolution=N&channels=N&classes=N",
                    "inverted residual blocks after arXiv:1801.04381"});
    r.add("bert_base", {bert_base, 128, 512, "text encoder with pooler, 128 tokens (?seq=N), 11.2 G MACs", "arXiv:1810.04805"});
    r.add("gpt2_prefill", {gpt2_prefill, 1024, 1024, "GPT-2 small, a prompt of 1024 tokens (?seq=N), logits of every token, 146 G MACs",
                           "Radford et al. 2019, Language Models are Unsupervised Multitask Learners"});
    r.add("gpt2_decode", {gpt2_decode, 1024, 1024, "GPT-2 small, one new token against a cache that makes 1024 with it (?seq=N), 143 M MACs",
                          "Radford et al. 2019, Language Models are Unsupervised Multitask Learners"});
    r.add("vit_b16", {vit_b16, 0, 0, "vision transformer B/16, 3x224x224, 197 tokens, 17.6 G MACs", "arXiv:2010.11929"});
    return r;
  }();
  return registry;
}

}  // namespace

Expected<std::shared_ptr<const Graph>> load_zoo(const std::string& name, const LoadOptions& options) {
  const auto found = models().find(name);
  if (!found) return fail(Error(ErrorKind::invalid_input, Problem{"zoo:" + name, {}, found.error().problems()[0].message}));
  const Built& built = **found;
  const auto refuse = [&](std::string message) { return invalid("zoo:" + name, {}, std::move(message)); };
  Options sizes{options.batch, built.seq};
  // Larger batches are slips, and products of sizes would come near 63 bits.
  if (options.batch < 1 || options.batch > 1 << 20) return refuse(fmt::format("batch {} is not allowed; 1 to {}", options.batch, 1 << 20));
  if (built.make == mbnet) {
    std::vector<std::string> names;
    for (const NetworkSize& one : mbnet_sizes()) {
      sizes.network[one.name] = one.fallback;
      names.push_back(one.name);
    }
    for (const auto& [dimension, size] : options.dimensions) {
      const auto known = std::find_if(mbnet_sizes().begin(), mbnet_sizes().end(), [&](const NetworkSize& one) { return one.name == dimension; });
      if (known == mbnet_sizes().end()) return refuse(unknown_word("size", dimension, names));
      if (size < known->least || size > known->most)
        return refuse(fmt::format("{} {} is not allowed; {} to {}", dimension, size, known->least, known->most));
      if (dimension == "kernel" && size % 2 == 0) return refuse(fmt::format("kernel {} is not allowed; it is odd", size));
      sizes.network[dimension] = size;
    }
    LoadOptions lowering = options;
    lowering.dimensions.clear();
    lowering.batch = 1;
    return import::lower(mbnet(sizes), lowering);
  }
  for (const auto& [dimension, size] : options.dimensions) {
    if (built.seq == 0) return refuse(fmt::format("the model has no dimension to choose, {} was given", in_quotes(dimension)));
    if (dimension != "seq") return refuse(unknown_word("dimension", dimension, {"seq"}));
    const std::int64_t least = built.make == gpt2_decode ? 2 : 1;
    if (size < least || size > built.longest) return refuse(fmt::format("seq {} is not allowed; {} to {}", size, least, built.longest));
    sizes.seq = size;
  }
  LoadOptions lowering = options;
  lowering.dimensions.clear();
  // The builder writes the batch itself.
  lowering.batch = 1;
  return import::lower(built.make(sizes), lowering);
}

}  // namespace zoo

std::vector<ZooEntry> zoo_entries() {
  std::vector<ZooEntry> out;
  for (const auto& [name, built] : zoo::models().entries()) out.push_back({name, built.description, built.source});
  return out;
}

}  // namespace gnomon::workloads
