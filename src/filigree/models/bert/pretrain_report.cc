#include "filigree/models/bert/pretrain_report.h"

#include <fmt/format.h>

#include <cmath>

#include "filigree/base/file.h"
#include "filigree/base/progress.h"
#include "filigree/run/axis.h"
#include "filigree/run/report.h"
#include "filigree/run/svg_bitmap.h"
#include "filigree/run/svg_chart.h"

namespace filigree::models {
namespace {

using Records = std::vector<run::MetricRecord>;
using Points = std::vector<std::pair<double, double>>;

// y against x, for the records of a split; x empty means the step.
Points points_of(const Records& records, std::string_view split, std::string_view x, std::string_view y) {
  Points points;
  for (const run::MetricRecord& record : records) {
    if (record.split != split) continue;
    points.emplace_back(x.empty() ? static_cast<double>(record.step) : record.value(x), record.value(y));
  }
  return points;
}

double last(const Records& records, std::string_view split, std::string_view name) {
  double value = std::nan("");
  for (const run::MetricRecord& record : records) {
    if (record.split == split) value = record.value(name);
  }
  return value;
}

void add_losses(const Records& records, double unigram_entropy, run::HtmlReport& report) {
  struct Axis {
    const char* key;
    const char* label;
    const char* caption;
  };
  constexpr Axis kAxes[] = {
      {"", "step", "Loss against steps."},
      {"flops", "FLOPs",
       "Loss against floating-point operations, counted from the nominal density; forward and "
       "backward, attention and head included."},
      {"seconds", "seconds", "Loss against seconds of training."}};
  for (const Axis& axis : kAxes) {
    run::LineChart chart;
    chart.x_label = axis.label;
    chart.y_label = "nats a prediction";
    chart.series.push_back({"training batch", points_of(records, "train", axis.key, "mlm_loss")});
    chart.series.push_back({"held out", points_of(records, "valid", axis.key, "mlm_loss")});
    const Points& train = chart.series.front().points;
    if (!train.empty()) {
      chart.series.push_back({"unigram entropy",
                              {{train.front().first, unigram_entropy}, {train.back().first, unigram_entropy}},
                              /*dashed=*/true});
    }
    report.figure(chart.svg(), axis.caption);
  }
}

std::string pattern_picture(const sparse::BsrPattern& pattern) {
  const std::vector<std::int32_t> ids = block_ids(pattern);
  return run::bitmap_svg(pattern.block_rows(), pattern.block_columns(),
                         std::vector<std::int64_t>(ids.begin(), ids.end()));
}

void add_patterns(const Bert& model, const SparseTraining& sparse, run::HtmlReport& report) {
  report.heading("Patterns");
  report.paragraph(
      "Each picture is a weight matrix, outputs downwards and inputs to the right; a mark is a block "
      "that exists. Coverage is the share of the matrix's places that have ever held a block.");
  std::vector<std::pair<std::string, std::string>> pictures;
  for (const auto& matrix : model.matrices()) {
    for (std::size_t p = 0; p < matrix->patterns().size(); ++p) {
      std::string name = matrix->part_name(p);
      const std::string key = name;
      if (name.starts_with("bert.encoder.")) name = name.substr(std::string_view("bert.encoder.").size());
      if (name.ends_with(".weight")) name.resize(name.size() - std::string_view(".weight").size());
      pictures.emplace_back(pattern_picture(*matrix->patterns()[p]),
                            fmt::format("{}: coverage {:.1f} %", name, 100 * sparse.coverage(key)));
    }
  }
  report.gallery(pictures);
}

void add_movement(const Records& records, const SparseTraining& sparse, run::HtmlReport& report) {
  report.heading("Degrees of freedom");
  run::LineChart chart;
  chart.x_label = "step";
  chart.y_label = "share";
  chart.series.push_back({"places ever covered", points_of(records, "pattern", "", "coverage")});
  chart.series.push_back({"blocks moved by the update", points_of(records, "pattern", "", "moved_share")});
  chart.series.push_back({"blocks born at the last update that this one removes",
                          points_of(records, "pattern", "", "removed_new_share")});
  report.figure(chart.svg(),
                fmt::format("What {} pattern updates did, over all matrices. Long runs do well to keep the "
                            "share of newborn blocks that are removed below about 0.1.",
                            chart.series.front().points.size()));
  report.paragraph(fmt::format("Coverage at the end: {:.1f} % of all places.", 100 * sparse.coverage()));
}

}  // namespace

void write_pretrain_report(const run::RunFolder& folder, const Bert& model, const SparseTraining& sparse,
                           double unigram_entropy) {
  const Records records = run::read_metrics(folder.metrics_file());
  const BertConfig& config = model.config();
  const bool is_sparse = config.sparsity.storage != Storage::kDense;
  run::HtmlReport report("BERT pre-training",
                         fmt::format("{} layers of {}, {}", config.layers, config.hidden,
                                     is_sparse ? fmt::format("density {:g} in blocks of {}",
                                                             config.sparsity.density, config.sparsity.block)
                                               : "dense"));
  std::vector<std::pair<std::string, std::string>> facts;
  const double valid = last(records, "valid", "mlm_loss");
  if (!std::isnan(valid)) {
    facts.emplace_back("held-out loss", fmt::format("{:.3f} nats", valid));
    facts.emplace_back("held-out accuracy",
                       fmt::format("{:.1f} %", 100 * last(records, "valid", "accuracy")));
  }
  facts.emplace_back("unigram entropy", fmt::format("{:.3f} nats", unigram_entropy));
  facts.emplace_back("parameters",
                     fmt::format("{:.2f} M", static_cast<double>(model.parameters().element_count()) / 1e6));
  const double seconds = last(records, "train", "seconds");
  if (!std::isnan(seconds)) {
    facts.emplace_back("training", format_duration(seconds));
    facts.emplace_back("FLOPs", run::format_si(last(records, "train", "flops"), 3) + "FLOP");
  }
  report.facts(facts);
  report.heading("Loss");
  add_losses(records, unigram_entropy, report);
  if (is_sparse) {
    if (sparse.moves()) add_movement(records, sparse, report);
    add_patterns(model, sparse, report);
  }
  report.heading("Configuration");
  report.preformatted(read_file(folder.config()));
  report.write(folder.report());
}

}  // namespace filigree::models
