#include "architecture/layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree::architecture {
namespace {

const std::filesystem::path kSource = FILIGREE_SOURCE_DIR;

using Names = std::set<std::string>;

TEST(Layers, TheSourceTreeKeepsThem) {
  const Layers layers = parse_layers(read_file(kSource / "layers.txt"));
  const std::vector<std::string> faults = layer_faults(layers, kSource / "src" / "filigree");
  EXPECT_TRUE(faults.empty()) << fmt::format("{}", fmt::join(faults, "\n"));
}

TEST(Layers, TorchIsAtTheEdge) {
  const Layers closed = closed_layers(parse_layers(read_file(kSource / "layers.txt")));
  for (const auto& [name, module] : closed) {
    EXPECT_EQ(module.torch, name == "nn" || name == "models") << name;
    if (module.torch) continue;
    for (const std::string& below : module.may_include) {
      EXPECT_FALSE(closed.at(below).torch) << name << " would load LibTorch through " << below;
    }
  }
}

TEST(Layers, ArrowsAreClosedUnderTransitivity) {
  const Layers closed = closed_layers(parse_layers("base:\nmiddle: base\ntop: middle\npeer: base\n"));
  EXPECT_EQ(closed.at("top").may_include, (Names{"base", "middle"}));
  EXPECT_EQ(closed.at("peer").may_include, Names{"base"});
  EXPECT_EQ(closed.at("base").may_include, Names{});
}

TEST(Layers, CommentsAndMarksAreRead) {
  const Layers layers = parse_layers("# all of them\nbase:  # the ground\n\nnn: base +torch\n");
  EXPECT_EQ(layers.size(), 2U);
  EXPECT_TRUE(layers.at("nn").torch);
  EXPECT_FALSE(layers.at("base").torch);
  EXPECT_EQ(layers.at("nn").may_include, Names{"base"});
}

std::string error_in(std::string_view text) {
  return test::error_of(ExitCode::kBadData, [&] { closed_layers(parse_layers(text)); });
}

TEST(Layers, ACycleIsAnError) {
  EXPECT_EQ(error_in("a: b\nb: c\nc: a\n"), "layers.txt has a cycle: a -> b -> c -> a");
  EXPECT_EQ(error_in("a: a\n"), "layers.txt has a cycle: a -> a");
}

TEST(Layers, MalformedListsAreErrors) {
  EXPECT_EQ(error_in("base\n"), "layers.txt: no colon in 'base'");
  EXPECT_EQ(error_in("base:\nbase:\n"), "layers.txt lists base twice");
  EXPECT_EQ(error_in("base: ground\n"), "layers.txt: base names ground, which is not listed");
}

// A tree of one file of each fault, and one that has none.
TEST(Layers, ABadTreeIsFoundOut) {
  const test::TemporaryFolder root;
  const Layers layers = parse_layers("base:\nmiddle: base\ntop: middle\nnn: base +torch\n");
  root.write("base/up.cc", "#include \"filigree/base/own.h\"\n#include \"filigree/middle/x.h\"\n");
  root.write("base/deep/x_test.cc", "  #  include <ATen/ATen.h>\n");
  root.write("middle/torch.h", "#include \"filigree/nn/torch.h\"\n");
  root.write("middle/unknown.h", "#include \"filigree/nowhere/x.h\"\n");
  root.write("stray/x.h", "");
  root.write("top/good.cc",
             "#include <vector>\n#include \"filigree/base/a.h\"\n#include \"filigree/middle/b.h\"\n"
             "// #include \"filigree/nn/c.h\"\n#include MACRO\n");
  root.write("nn/good.cc", "#include <torch/library.h>\n#include \"filigree/nn/torch.h\"\n");
  root.write("CMakeLists.txt", "not a module");
  EXPECT_EQ(
      layer_faults(layers, root.path()),
      (std::vector<std::string>{
          "base/deep/x_test.cc:1: includes ATen/ATen.h, but LibTorch is for the modules marked +torch alone",
          "base/up.cc:2: includes filigree/middle/x.h, but layers.txt has no arrow from base to middle",
          // One string in two parts.
          ("middle/torch.h:1: includes filigree/nn/torch.h, but LibTorch is for the modules marked +torch "
           "alone"),
          "middle/unknown.h:1: includes filigree/nowhere/x.h, but there is no module nowhere",
          "stray/: layers.txt does not list this folder"}));
}

}  // namespace
}  // namespace filigree::architecture
