// Plans on disk: docs/formats.md has the format.
#include <fmt/format.h>

#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/json.h"
#include "filigree/base/names.h"
#include "filigree/base/parallel.h"
#include "filigree/numerics/safetensors.h"
#include "filigree/sparse/plan.h"

namespace filigree::sparse {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFormatKey = "filigree.format";
constexpr std::string_view kKindKey = "filigree.kind";
constexpr std::string_view kStateKey = "filigree.state";
constexpr std::string_view kKind = "sparse-plan";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kRowOffsets = "row_offsets";
constexpr std::string_view kColumnIndices = "column_indices";
constexpr std::array<std::string_view, 2> kExecutions{"sparse", "dense"};

template <typename T>
std::string_view element_name() {
  if constexpr (std::is_same_v<T, BFloat16>) return "BF16";
  if constexpr (std::is_same_v<T, Float16>) return "F16";
  if constexpr (std::is_same_v<T, Float8E4M3>) return "F8_E4M3";
  if constexpr (std::is_same_v<T, Float8E5M2>) return "F8_E5M2";
  return std::is_same_v<T, float> ? "F32" : "F64";
}

// The side of a square; rows and columns of others.
Json block_json(BlockShape block) {
  return block.square() ? Json(block.rows) : Json::array({block.rows, block.columns});
}

// Reads the plan's description, naming the file and the key in errors.
class State {
 public:
  State(const SafetensorsFile& file, std::string text)
      : path_(file.path().string()), json_(parse_json<Json>(text)) {
    if (!json_.is_object()) fail_data("{}: {} is not a JSON object", path_, kStateKey);
  }

  std::int64_t number(const char* key, std::int64_t least, std::int64_t most) const {
    const Json& value = at(key);
    // Unsigned numbers beyond a signed 64-bit one would wrap.
    const bool fits =
        value.is_number_integer() &&
        !(value.is_number_unsigned() &&
          value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
      fail_data("{}: the plan's {} is {} in place of a number from {} to {}", path_, key, value.dump(), least,
                most);
    }
    return value.get<std::int64_t>();
  }
  bool flag(const char* key) const {
    const Json& value = at(key);
    if (!value.is_boolean())
      fail_data("{}: the plan's {} is {} in place of true or false", path_, key, value.dump());
    return value.get<bool>();
  }
  std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail_data("{}: the plan's {} is {} in place of a text", path_, key, value.dump());
    return value.get<std::string>();
  }
  BlockShape block(const char* key) const {
    const Json& value = at(key);
    if (!value.is_array()) {
      return static_cast<int>(number(key, 1, std::numeric_limits<int>::max()));
    }
    for (const BlockShape shape : kBlockShapes) {
      if (value == block_json(shape)) return shape;
    }
    fail_data("{}: the plan's {} is {}; supported are {}", path_, key, value.dump(), block_shapes_text());
  }
  // The place of a text in a table of names.
  template <class Names, class Name>
  std::size_t choice(const char* key, const Names& names, const Name& name) const {
    const std::string found = text(key);
    std::size_t i = 0;
    for (const auto& entry : names) {
      if (name(entry) == found) return i;
      ++i;
    }
    fail_data("{}: the plan's {} is '{}', which this version does not know", path_, key, found);
  }

 private:
  const Json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail_data("{}: the plan has no {}", path_, key);
    return *found;
  }

  std::string path_;
  Json json_;
};

std::string metadata(const SafetensorsFile& file, std::string_view key) {
  const auto found = file.metadata().find(std::string(key));
  if (found == file.metadata().end()) {
    fail_data("{} is no plan of a sparse product: it has no {}", file.path().string(), key);
  }
  return found->second;
}

std::vector<std::int32_t> read_indices(const SafetensorsFile& file, std::string_view name) {
  const TensorEntry entry = file.get(name);
  if (entry.shape.size() != 1) {
    fail_data("{}: {} has {} dimensions in place of one", file.path().string(), name, entry.shape.size());
  }
  const auto indices = file.get_as<std::int32_t>(name, entry.shape);
  return {indices.begin(), indices.end()};
}

}  // namespace

template <typename T>
void Plan<T>::save(const std::filesystem::path& path) const {
  const Json state = {
      {"rows", w_->rows()},
      {"columns", w_->columns()},
      {"block", block_json(w_->block())},
      {"element", element_name<T>()},
      {"product", name_of(kProducts, options_.product, &ProductName::product)},
      {"layout", name_of(kActivationLayouts, options_.layout, &ActivationLayoutName::layout)},
      {"samples", options_.samples},
      {"dense_fallback", options_.dense_fallback},
      {"measure", options_.measure},
      {"isa", isa_name(chosen_isa())},
      {"threads", thread_count()},
      {"execution", kExecutions[static_cast<std::size_t>(execution_)]},
      {"panel_columns", schedule_.panel_columns},
      {"activation_parts", schedule_.activation_parts},
      {"group_parts", schedule_.group_parts},
  };
  const auto entry = [](std::string_view name, std::span<const std::int32_t> values) {
    return tensor_entry<std::int32_t>(std::string(name), {static_cast<std::int64_t>(values.size())}, values);
  };
  const std::array<TensorEntry, 2> tensors{entry(kRowOffsets, w_->row_offsets()),
                                           entry(kColumnIndices, w_->column_indices())};
  write_safetensors(path, tensors,
                    {{std::string(kFormatKey), std::string(kVersion)},
                     {std::string(kKindKey), std::string(kKind)},
                     {std::string(kStateKey), state.dump()}});
}

template <typename T>
Plan<T> Plan<T>::load(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  if (metadata(file, kKindKey) != kKind) {
    fail_data("{} holds a '{}' in place of a plan of a sparse product", path.string(),
              metadata(file, kKindKey));
  }
  if (metadata(file, kFormatKey) != kVersion) {
    fail_data("{} is a plan of version {}; this program reads version {}", path.string(),
              metadata(file, kFormatKey), kVersion);
  }
  file.verify();
  const State state(file, metadata(file, kStateKey));
  if (state.text("element") != element_name<T>()) {
    fail_data("{} is a plan for elements of type {}, not {}", path.string(), state.text("element"),
              element_name<T>());
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMostParts = 1 << 20;
  PlanOptions options;
  options.product =
      kProducts[state.choice("product", kProducts, [](const ProductName& entry) { return entry.name; })]
          .product;
  options.layout =
      kActivationLayouts[state.choice("layout", kActivationLayouts, [](const ActivationLayoutName& entry) {
        return entry.name;
      })].layout;
  options.samples = state.number("samples", 1, kMost);
  options.dense_fallback = state.flag("dense_fallback");
  const bool measured = state.flag("measure");
  const auto execution = static_cast<Execution>(
      state.choice("execution", kExecutions, [](std::string_view name) { return name; }));
  const Schedule schedule{state.number("panel_columns", 0, kMostParts),
                          state.number("activation_parts", 0, kMostParts),
                          state.number("group_parts", 0, kMostParts)};
  // "dense" of a type without it or against the options is nobody's choice.
  const bool may_be_dense = options.dense_fallback && kHasDenseFallback<T>;
  const bool same_machine =
      state.text("isa") == isa_name(chosen_isa()) && state.number("threads", 1, kMostParts) == thread_count();
  const std::int64_t rows = state.number("rows", 1, kMost);
  const std::int64_t columns = state.number("columns", 1, kMost);
  const BlockShape block = state.block("block");

  const auto make = [&] {
    // What a hand-made file may ask for is a fault of the data.
    try {
      Plan plan(BsrPattern(rows, columns, block, read_indices(file, kRowOffsets),
                           read_indices(file, kColumnIndices)),
                options);
      plan.options_.measure = measured;
      return plan;
    } catch (const Error& error) {
      fail_data("{}: {}", path.string(), error.what());
    }
  };
  Plan plan = make();
  if (same_machine && (execution == Execution::kSparse || may_be_dense)) {
    plan.execution_ = execution;
    plan.schedule_ = schedule;
    plan.prepare();
  }
  return plan;
}

template void Plan<float>::save(const std::filesystem::path&) const;
template void Plan<double>::save(const std::filesystem::path&) const;
template void Plan<BFloat16>::save(const std::filesystem::path&) const;
template void Plan<Float16>::save(const std::filesystem::path&) const;
template void Plan<Float8E4M3>::save(const std::filesystem::path&) const;
template void Plan<Float8E5M2>::save(const std::filesystem::path&) const;
template Plan<float> Plan<float>::load(const std::filesystem::path&);
template Plan<double> Plan<double>::load(const std::filesystem::path&);
template Plan<BFloat16> Plan<BFloat16>::load(const std::filesystem::path&);
template Plan<Float16> Plan<Float16>::load(const std::filesystem::path&);
template Plan<Float8E4M3> Plan<Float8E4M3>::load(const std::filesystem::path&);
template Plan<Float8E5M2> Plan<Float8E5M2>::load(const std::filesystem::path&);

}  // namespace filigree::sparse
