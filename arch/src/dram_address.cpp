#include <algorithm>
#include <nlohmann/json.hpp>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {

const std::vector<std::string>& dram_field_words() {
  static const std::vector<std::string> words{"channel", "pseudochannel", "rank", "bankgroup", "bank", "row", "column"};
  return words;
}

DramLocation DramAddressMap::location(std::uint64_t address) const {
  const auto get = [&](DramField f) { return fields[static_cast<std::size_t>(f)].of(address); };
  DramLocation out;
  out.channel = static_cast<int>(get(DramField::channel));
  out.pseudo_channel = static_cast<int>(get(DramField::pseudo_channel));
  out.rank = static_cast<int>(get(DramField::rank));
  out.bank_group = static_cast<int>(get(DramField::bank_group));
  out.bank = static_cast<int>(get(DramField::bank));
  out.row = static_cast<std::int64_t>(get(DramField::row));
  out.column = static_cast<std::int64_t>(get(DramField::column));
  return out;
}

std::uint64_t DramAddressMap::address(const DramLocation& at) const {
  const std::array<std::uint64_t, dram_field_count> wanted{
      static_cast<std::uint64_t>(at.channel), static_cast<std::uint64_t>(at.pseudo_channel), static_cast<std::uint64_t>(at.rank),
      static_cast<std::uint64_t>(at.bank_group), static_cast<std::uint64_t>(at.bank), static_cast<std::uint64_t>(at.row),
      static_cast<std::uint64_t>(at.column)};
  // Without XOR the pieces are simply undone. With it, one address bit after the other is solved for (Gauss over bits).
  struct Row {
    std::uint64_t mask, value;
  };
  std::vector<Row> rows;
  for (std::size_t f = 0; f < fields.size(); ++f) {
    for (const Piece& p : fields[f].pieces) {
      for (int i = 0; i < p.width; ++i) {
        std::uint64_t mask = std::uint64_t{1} << (p.from + i);
        for (const Xor& x : fields[f].xors) {
          if (x.to == p.to + i) mask ^= x.mask;
        }
        rows.push_back({mask, wanted[f] >> (p.to + i) & 1u});
      }
    }
  }
  std::uint64_t address = 0;
  for (std::size_t done = 0; done < rows.size(); ++done) {
    const std::uint64_t pivot = rows[done].mask & (~rows[done].mask + 1);
    if (pivot == 0) continue;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i != done && (rows[i].mask & pivot)) {
        rows[i].mask ^= rows[done].mask;
        rows[i].value ^= rows[done].value;
      }
    }
  }
  for (const Row& row : rows) {
    if (row.value) address |= row.mask & (~row.mask + 1);
  }
  return address;
}

namespace {

/// Reads a mapping, collecting what is wrong with it.
class MappingReader {
 public:
  MappingReader(const std::array<int, dram_field_count>& bits, int offset_bits, const std::string& file, std::vector<Problem>& problems)
      : bits_(bits), file_(file), problems_(problems) {
    before_ = problems.size();
    map_.offset_bits = offset_bits;
    total_ = offset_bits;
    for (std::size_t f = 0; f < bits.size(); ++f) {
      map_.fields[f].bits = bits[f];
      total_ += bits[f];
    }
  }

  DramAddressMap read(const Json& json) {
    if (json.is_string()) {
      order(json.get<std::string>(), "");
    } else if (json.is_object()) {
      object(json);
    } else {
      wrong("", "found neither text nor an object; allowed: a field order as \"row-bank-column\", or an object of bit lists");
    }
    return map_;
  }

 private:
  const std::array<int, dram_field_count>& bits_;
  const std::string& file_;
  std::vector<Problem>& problems_;
  DramAddressMap map_;
  int total_ = 0;
  std::size_t before_ = 0;

  void wrong(const std::string& pointer, std::string message) { problems_.push_back({file_, "/address_mapping" + pointer, std::move(message)}); }

  static std::vector<std::string> words() { return dram_field_words(); }
  std::string field_sizes() const {
    std::vector<std::string> parts;
    for (std::size_t f = 0; f < bits_.size(); ++f) {
      if (bits_[f] > 0) parts.push_back(dram_field_words()[f] + " (" + std::to_string(bits_[f]) + ")");
    }
    return join(parts);
  }
  void missing(const std::array<bool, dram_field_count>& seen, const std::string& pointer) {
    for (std::size_t f = 0; f < bits_.size(); ++f) {
      if (bits_[f] > 0 && !seen[f])
        wrong(pointer, "misses the " + std::to_string(bits_[f]) + " bits of " + in_quotes(dram_field_words()[f]) + "; every bit must be mapped once: " +
                           field_sizes());
    }
  }

  void order(const std::string& text, const std::string& pointer) {
    std::vector<std::size_t> fields;
    std::array<bool, dram_field_count> seen{};
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t end = std::min(text.find('-', start), text.size());
      const std::string word = text.substr(start, end - start);
      start = end + 1;
      const auto known = std::find(dram_field_words().begin(), dram_field_words().end(), word);
      if (known == dram_field_words().end()) {
        wrong(pointer, unknown_word("field", word, words()));
        continue;
      }
      const std::size_t f = static_cast<std::size_t>(known - dram_field_words().begin());
      if (seen[f]) {
        wrong(pointer, "names " + in_quotes(word) + " twice; every field may stand once");
        continue;
      }
      seen[f] = true;
      fields.push_back(f);
    }
    missing(seen, pointer);
    int at = map_.offset_bits;
    for (auto f = fields.rbegin(); f != fields.rend(); ++f) {
      if (bits_[*f] > 0) map_.fields[*f].pieces.push_back({at, 0, bits_[*f]});
      at += bits_[*f];
    }
  }

  void object(const Json& json) {
    bool has_order = false, has_lists = false;
    std::array<bool, dram_field_count> seen{};
    std::vector<int> owner(64, -1);
    for (const auto& [key, value] : json.items()) {
      const std::string here = pointer_step(key);
      if (key == "order") {
        has_order = true;
        if (value.is_string()) {
          order(value.get<std::string>(), here);
        } else {
          wrong(here, "found no text; allowed: a field order as \"row-bank-column\"");
        }
        continue;
      }
      if (key == "xor") continue;
      const auto known = std::find(dram_field_words().begin(), dram_field_words().end(), key);
      if (known == dram_field_words().end()) {
        std::vector<std::string> keys = words();
        keys.insert(keys.end(), {"order", "xor"});
        wrong(here, unknown_word("key", key, keys));
        continue;
      }
      has_lists = true;
      const std::size_t f = static_cast<std::size_t>(known - dram_field_words().begin());
      seen[f] = true;
      list(f, value, here, owner);
    }
    if (has_order && has_lists) wrong("", "has both \"order\" and bit lists; allowed: one of them");
    if (!has_order) missing(seen, "");
    if (json.contains("xor")) xors(json.at("xor"));
  }

  bool address_bit(const Json& value, const std::string& pointer, int& bit) {
    if (!value.is_number_integer() || value.get<double>() < map_.offset_bits || value.get<double>() >= total_) {
      wrong(pointer, "found " + in_quotes(value.dump()) + "; allowed: an address bit from " + std::to_string(map_.offset_bits) + " to " +
                         std::to_string(total_ - 1) + " (those below are the offset within a burst)");
      return false;
    }
    bit = value.get<int>();
    return true;
  }

  void list(std::size_t f, const Json& value, const std::string& here, std::vector<int>& owner) {
    if (!value.is_array()) {
      wrong(here, "found no list; allowed: the address bits of this field, lowest first");
      return;
    }
    if (static_cast<int>(value.size()) != bits_[f]) {
      wrong(here, "has " + std::to_string(value.size()) + " bits; the field has " + std::to_string(bits_[f]));
      return;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string pointer = here + "/" + std::to_string(i);
      int bit = 0;
      if (!address_bit(value[i], pointer, bit)) continue;
      if (owner[static_cast<std::size_t>(bit)] >= 0) {
        wrong(pointer, "address bit " + std::to_string(bit) + " is already part of " +
                           in_quotes(dram_field_words()[static_cast<std::size_t>(owner[static_cast<std::size_t>(bit)])]));
        continue;
      }
      owner[static_cast<std::size_t>(bit)] = static_cast<int>(f);
      auto& pieces = map_.fields[f].pieces;
      const int to = static_cast<int>(i);
      if (!pieces.empty() && pieces.back().from + pieces.back().width == bit && pieces.back().to + pieces.back().width == to) {
        ++pieces.back().width;
      } else {
        pieces.push_back({bit, to, 1});
      }
    }
  }

  /// {"bit": 13, "with": [16, 20]}: the field bit that address bit 13 gives is XORed with address bits 16 and 20.
  void xors(const Json& json) {
    if (!json.is_array()) {
      wrong("/xor", "found no list; allowed: a list of {\"bit\": B, \"with\": [...]}");
      return;
    }
    for (std::size_t i = 0; i < json.size(); ++i) {
      const std::string here = "/xor/" + std::to_string(i);
      const Json& entry = json[i];
      if (!entry.is_object() || entry.size() != 2 || !entry.contains("bit") || !entry.contains("with") || !entry["with"].is_array()) {
        wrong(here, "found " + in_quotes(entry.dump()) + "; allowed: {\"bit\": B, \"with\": [...]}");
        continue;
      }
      int bit = 0;
      if (!address_bit(entry["bit"], here + "/bit", bit)) continue;
      std::uint64_t mask = 0;
      for (std::size_t j = 0; j < entry["with"].size(); ++j) {
        int with = 0;
        if (address_bit(entry["with"][j], here + "/with/" + std::to_string(j), with)) mask ^= std::uint64_t{1} << with;
      }
      for (auto& field : map_.fields) {
        for (const auto& p : field.pieces) {
          if (bit >= p.from && bit < p.from + p.width) field.xors.push_back({p.to + bit - p.from, mask});
        }
      }
    }
    if (problems_.size() == before_ && !one_to_one()) wrong("/xor", "makes two addresses meet at one place; every bit must stay recoverable");
  }

  bool one_to_one() const {
    std::vector<std::uint64_t> basis;
    for (const auto& field : map_.fields) {
      for (const auto& p : field.pieces) {
        for (int i = 0; i < p.width; ++i) {
          std::uint64_t mask = std::uint64_t{1} << (p.from + i);
          for (const auto& x : field.xors) {
            if (x.to == p.to + i) mask ^= x.mask;
          }
          for (std::uint64_t b : basis) mask = std::min(mask, mask ^ b);
          if (mask == 0) return false;
          basis.push_back(mask);
        }
      }
    }
    return true;
  }
};

}  // namespace

DramAddressMap detail::read_mapping(const std::string& json, const std::array<int, dram_field_count>& bits, int offset_bits, const std::string& file,
                                    std::vector<Problem>& problems) {
  return MappingReader(bits, offset_bits, file, problems).read(Json::parse(json, nullptr, false));
}

}  // namespace gnomon::arch
