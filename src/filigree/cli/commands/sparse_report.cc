// filigree sparse report: what sparse bench measured on PopSparse's grid beside what PopSparse published.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/json.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/cli/commands/popsparse_grid.h"
#include "filigree/run/options.h"
#include "filigree/run/report.h"
#include "filigree/run/svg_heat_map.h"

namespace filigree::cli {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// What one picture holds: all but the grid's dimensions.
struct Series {
  std::string op;
  std::string dtype;
  std::string layout;
  std::string pattern;
  std::string mode;
  std::int64_t threads = 0;
  auto operator<=>(const Series&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
};

struct Cell {
  std::int64_t block = 0;
  double density = 0;
  std::int64_t m = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  double speedup = 0;
  double ratio = 0;
  bool dense = false;
};

using Cells = std::vector<Cell>;

template <typename T>
T field(const nlohmann::json& line, const char* key, const std::string& where) {
  try {
    return line.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    fail_data("{}: no line of sparse bench --json: its {} is missing or of another type", where, key);
  }
}

// The last line of a cell counts: a sweep may have measured it again. Blocks that are not square are left
// out.
void read_lines(const std::filesystem::path& path, std::map<Series, Cells>& series) {
  std::istringstream lines(read_file(path));
  int number = 0;
  for (std::string text; std::getline(lines, text);) {
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}, line {}", path.string(), number);
    const auto line = parse_json<nlohmann::json>(text);
    if (!line.is_object()) fail_data("{}: not a JSON object", where);
    // The original's grid has square blocks alone.
    if (const auto block = line.find("block"); block != line.end() && block->is_string()) continue;
    const Series key{field<std::string>(line, "op", where),     field<std::string>(line, "dtype", where),
                     field<std::string>(line, "layout", where), field<std::string>(line, "pattern", where),
                     field<std::string>(line, "mode", where),   field<std::int64_t>(line, "threads", where)};
    const Cell cell{
        field<std::int64_t>(line, "block", where), field<double>(line, "density", where),
        field<std::int64_t>(line, "m", where),     field<std::int64_t>(line, "k", where),
        field<std::int64_t>(line, "n", where),     field<double>(line, "speedup", where),
        field<double>(line, "ratio", where),       field<std::string>(line, "executed", where) == "dense"};
    if (!(cell.block > 0 && cell.density > 0 && cell.m > 0 && cell.n > 0 && cell.speedup > 0)) {
      fail_data("{}: sizes, density and speedup must be positive", where);
    }
    Cells& cells = series[key];
    const auto same = [&](const Cell& other) {
      return other.block == cell.block && other.density == cell.density && other.m == cell.m &&
             other.k == cell.k && other.n == cell.n;
    };
    std::erase_if(cells, same);
    cells.push_back(cell);
  }
}

// speed-up = factor m^m_power d^density_power b^block_power.
struct PowerLaw {
  double factor = 0;
  double m_power = 0;
  double density_power = 0;
  double block_power = 0;
};

// Least squares of the logarithms, by the normal equations; nothing where the cells do not determine it.
std::optional<PowerLaw> fit(const Cells& cells) {
  constexpr std::size_t kTerms = 4;
  std::array<std::array<double, kTerms + 1>, kTerms> system{};
  for (const Cell& cell : cells) {
    const std::array<double, kTerms> terms{1, std::log(static_cast<double>(cell.m)), std::log(cell.density),
                                           std::log(static_cast<double>(cell.block))};
    for (std::size_t i = 0; i < kTerms; ++i) {
      for (std::size_t j = 0; j < kTerms; ++j) system[i][j] += terms[i] * terms[j];
      system[i][kTerms] += terms[i] * std::log(cell.speedup);
    }
  }
  for (std::size_t i = 0; i < kTerms; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i + 1; r < kTerms; ++r) {
      if (std::abs(system[r][i]) > std::abs(system[pivot][i])) pivot = r;
    }
    std::swap(system[i], system[pivot]);
    if (std::abs(system[i][i]) < 1e-9 * std::max(1.0, static_cast<double>(cells.size()))) return std::nullopt;
    for (std::size_t r = 0; r < kTerms; ++r) {
      if (r == i) continue;
      const double share = system[r][i] / system[i][i];
      for (std::size_t c = i; c <= kTerms; ++c) system[r][c] -= share * system[i][c];
    }
  }
  return PowerLaw{std::exp(system[0][kTerms] / system[0][0]), system[1][kTerms] / system[1][1],
                  system[2][kTerms] / system[2][2], system[3][kTerms] / system[3][3]};
}

// For each block, density and size the best over n, as PopSparse's law has it.
Cells best_over_samples(const Cells& cells) {
  Cells best;
  for (const Cell& cell : cells) {
    const auto same = std::find_if(best.begin(), best.end(), [&](const Cell& other) {
      return other.block == cell.block && std::abs(other.density / cell.density - 1) < 0.01 &&
             other.m == cell.m;
    });
    if (same == best.end()) {
      best.push_back(cell);
    } else if (cell.speedup > same->speedup) {
      *same = cell;
    }
  }
  return best;
}

std::string law_text(const PowerLaw& law) {
  return fmt::format("speed-up = {:.3g} m^{:.2f} d^{:.2f} b^{:.2f}", law.factor, law.m_power,
                     law.density_power, law.block_power);
}

Cells popsparse_cells() {
  Cells cells;
  for (std::size_t b = 0; b < kGridBlocks.size(); ++b) {
    for (std::size_t d = 0; d < kGridDensities.size(); ++d) {
      for (std::size_t m = 0; m < kGridSizes.size(); ++m) {
        for (std::size_t n = 0; n < kGridSamples.size(); ++n) {
          const double speedup = kPopSparseSpeedups[b][d][m][n];
          cells.push_back({.block = kGridBlocks[b],
                           .density = kGridDensities[d],
                           .m = kGridSizes[m],
                           .k = kGridSizes[m],
                           .n = kGridSamples[n],
                           .speedup = speedup > 0 ? speedup : kNone,
                           .ratio = speedup * kGridDensities[d]});
        }
      }
    }
  }
  return cells;
}

// PopSparse's grid; a density stands for those that blocks round it to.
run::HeatMap heat_map(std::string title, const Cells& cells) {
  run::HeatMap map{.title = std::move(title), .row_label = "m = k", .column_label = "n", .most = 32};
  for (const int block : kGridBlocks) map.panel_rows.push_back(fmt::format("b = {}", block));
  for (const double density : kGridDensities)
    map.panel_columns.push_back(fmt::format("d = 1/{:.0f}", 1 / density));
  for (const int size : kGridSizes) map.rows.push_back(std::to_string(size));
  for (const int samples : kGridSamples) map.columns.push_back(std::to_string(samples));
  for (const int block : kGridBlocks) {
    for (const double density : kGridDensities) {
      for (const int size : kGridSizes) {
        for (const int samples : kGridSamples) {
          const auto found = std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) {
            return cell.block == block && std::abs(cell.density / density - 1) < 0.02 && cell.m == size &&
                   cell.k == size && cell.n == samples;
          });
          map.values.push_back(found == cells.end() ? kNone : found->speedup);
        }
      }
    }
  }
  return map;
}

struct Summary {
  int cells = 0;
  int wins = 0;
  double geometric_mean = 0;
};

Summary summarise(const std::vector<double>& values) {
  Summary summary;
  double logarithms = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++summary.cells;
    if (value >= 1) ++summary.wins;
    logarithms += std::log(value);
  }
  if (summary.cells > 0) summary.geometric_mean = std::exp(logarithms / summary.cells);
  return summary;
}

std::vector<std::pair<std::string, std::string>> facts(const Summary& summary, int places) {
  return {{"cells with a value", fmt::format("{} of {}", summary.cells, places)},
          {"at least as fast as dense",
           fmt::format("{} ({:.0f} %)", summary.wins, 100.0 * summary.wins / std::max(1, summary.cells))},
          {"geometric mean", fmt::format("{:.2f}x", summary.geometric_mean)}};
}

void add_series(run::HtmlReport& report, const Series& key, const Cells& cells) {
  const std::string name =
      fmt::format("{}, {}, {}, {} pattern, {}, {} thread{}", key.op, key.dtype, key.layout, key.pattern,
                  key.mode, key.threads, key.threads == 1 ? "" : "s");
  report.heading(fmt::format("Measured: {}", name));
  const run::HeatMap map = heat_map(fmt::format("Sparse over dense: {}", name), cells);
  const Summary summary = summarise(map.values);
  if (summary.cells > 0) {
    report.facts(facts(summary, static_cast<int>(map.values.size())));
    report.figure(
        map.svg(),
        "How many times faster than the best dense library the product of the same shape is. Blue wins.");
  }
  if (const auto law = fit(best_over_samples(cells))) {
    report.paragraph(
        fmt::format("{}, fitted to the best over n of each block, density and size.", law_text(*law)));
  }
  int dense = 0;
  double worst = std::numeric_limits<double>::infinity();
  for (const Cell& cell : cells) {
    if (cell.dense) ++dense;
    worst = std::min(worst, cell.ratio);
  }
  report.paragraph(fmt::format(
      "{} cells were measured; in {} of them the plan fell back to a dense product. The lowest rate of the "
      "non-zeros is {:.2f} of the dense rate.",
      cells.size(), dense, worst));
}

}  // namespace

int sparse_report(const std::vector<std::string>& arguments) {
  std::vector<std::string> results;
  std::filesystem::path output = "sparse-report.html";
  run::Options options(
      "sparse report",
      "Draw what sparse bench --json measured, beside the speed-ups that PopSparse published.");
  options.positional("RESULTS", &results, "files of lines that sparse bench --json printed", true);
  options.section("report", "Report");
  options.add("output", &output, "the page to write");
  if (!options.parse(arguments)) return 0;
  std::map<Series, Cells> series;
  for (const std::string& file : results) read_lines(file, series);
  if (series.empty()) fail_data("{} holds no line of sparse bench --json", results.front());

  run::HtmlReport report("Block-sparse products: measured and published",
                         "filigree sparse bench beside PopSparse's static products on an IPU");
  for (const auto& [key, cells] : series) add_series(report, key, cells);
  const Cells published = popsparse_cells();
  const run::HeatMap map = heat_map("Sparse over dense: PopSparse, static, FP16, IPU", published);
  report.heading("Published: PopSparse");
  report.facts(facts(summarise(map.values), static_cast<int>(map.values.size())));
  report.figure(map.svg(),
                "Speed-ups that PopSparse's authors published, read off their heat map: about 2 % off, "
                "clipped at 10. Grey: out of memory.");
  report.paragraph(
      "Its authors' fit: speed-up = 0.0013 m^0.59 d^-0.54 b^0.50. A speed-up of 1 / d would mean that "
      "non-zeros run at the dense rate.");
  report.write(output);
  fmt::print("{}\n", output.string());
  return 0;
}

}  // namespace filigree::cli
