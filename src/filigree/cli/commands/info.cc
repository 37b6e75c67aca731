// filigree info: what this build and this machine have.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/log.h"
#include "filigree/base/parallel.h"
#include "filigree/base/version.h"
#include "filigree/cli/commands/commands.h"
#include "filigree/cli/torch_program.h"
#include "filigree/comm/mpi_info.h"
#include "filigree/dense/blas_info.h"
#include "filigree/run/options.h"

namespace filigree::cli {
namespace {

using Json = nlohmann::ordered_json;

// Null where filigree-bert is not built; {"error": ...} where it does not run.
Json torch_facts() {
  if (torch_program().empty()) return nullptr;
  try {
    return Json::parse(torch_program_output({"info", "--json"}));
  } catch (const Json::exception&) {
    return {{"error", "filigree-bert info --json printed no JSON"}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

Json gather() {
  const dense::BlasInfo blas = dense::blas_info();
  const std::string mpi = comm::mpi_library();
  Json usable = Json::array();
  for (const Isa isa : usable_isas()) usable.push_back(isa_name(isa));
  return {{"version", kVersion},
          {"cpu", cpu_name()},
          {"isa", isa_name(chosen_isa())},
          {"usable_isas", std::move(usable)},
          {"cores", available_cores()},
          {"threads", thread_count()},
          {"parallel", parallel_backend()},
          {"blas",
           {{"file", blas.file},
            {"configuration", blas.configuration},
            {"core", blas.core},
            {"threading", dense::blas_threading_name(blas.threading)},
            {"threads", blas.threads}}},
          {"mpi", mpi.empty() ? Json(nullptr) : Json(mpi)},
          {"libtorch", torch_facts()}};
}

std::string isa_text(const Json& facts) {
  if (chosen_isa() != detected_isa()) {
    return fmt::format("{} (lowered from {} by FILIGREE_ISA)", isa_name(chosen_isa()),
                       isa_name(detected_isa()));
  }
  std::string lower;
  for (const Json& name : facts["usable_isas"]) {
    if (name != facts["isa"])
      lower = lower.empty() ? name.get<std::string>() : fmt::format("{}, {}", name.get<std::string>(), lower);
  }
  return fmt::format("{} (the best of this CPU{})", isa_name(chosen_isa()),
                     lower.empty() ? "" : "; FILIGREE_ISA forces one of " + lower);
}

std::string torch_text(const Json& torch) {
  if (torch.is_null()) return "not built (bert pretrain and bert fill need it)";
  if (torch.contains("error")) return torch["error"];
  std::string text =
      fmt::format("{}; {} threads", torch.value("libtorch", "unknown version"), torch.value("threads", 0));
  if (torch.contains("blas")) text += "; BLAS: " + torch["blas"].get<std::string>();
  return text;
}

void print_text(const Json& facts) {
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<16} {}\n", name, value);
  };
  const Json& blas = facts["blas"];
  fmt::print("filigree {}\n", kVersion);
  line("CPU", facts["cpu"]);
  line("instruction set", isa_text(facts));
  line("cores, threads", fmt::format("{}, {} ({})", available_cores(), thread_count(), parallel_backend()));
  line("BLAS", fmt::format("{}; kernels for {}; {} threads by {}", blas["configuration"].get<std::string>(),
                           blas["core"].get<std::string>(), blas["threads"].get<int>(),
                           blas["threading"].get<std::string>()));
  line("", blas["file"]);
  line("MPI", facts["mpi"].is_null() ? "no" : facts["mpi"].get<std::string>());
  line("LibTorch", torch_text(facts["libtorch"]));
}

}  // namespace

int info(const std::vector<std::string>& arguments) {
  bool json = false;
  run::Options options(
      "info",
      "Say what this build and this machine have: CPU, instruction set, threads, and the BLAS, "
      "MPI and LibTorch in use. FILIGREE_ISA=avx512, avx2 or portable lowers the instruction set.");
  options.add("json", &json, "print one line of JSON").transient();
  if (!options.parse(arguments)) return 0;
  const Json facts = gather();
  if (json) {
    fmt::print("{}\n", facts.dump());
  } else {
    print_text(facts);
  }
  if (facts["blas"]["threading"] != "OpenMP") {
    log_warning(
        "the loaded OpenBLAS is not its OpenMP build: its threads compete with Filigree's; install "
        "libopenblas-openmp-dev, and check LD_LIBRARY_PATH");
  }
  return 0;
}

}  // namespace filigree::cli
