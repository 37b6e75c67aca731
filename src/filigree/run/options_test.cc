#include "filigree/run/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>

#include "filigree/base/error.h"
#include "filigree/base/test_support.h"

namespace filigree::run {
namespace {

using test::contains;
using test::TemporaryFolder;

using Arguments = std::vector<std::string>;

// Values and their description as a command has them.
struct Sample {
  int hidden = 256;
  double density = 1.0;
  bool nsp = false;
  std::int64_t steps = 1000;
  std::uint64_t seed = 1;
  std::string optimiser = "adamw";
  std::vector<std::string> input;
  std::filesystem::path output = "run";
  bool resume = false;
  std::vector<std::string> rest;
  Options options{"bert pretrain", "pre-train a BERT"};

  Sample() {
    options.add("seed", &seed, "seed of all random numbers");
    options.section("model", "Model");
    options.add("hidden", &hidden, "width of the encoder").range(1, 65536);
    options.add("density", &density, "share of the blocks that are stored").range(0, 1);
    options.section("training", "Training");
    options.add("steps", &steps, "optimiser steps").range(1, std::numeric_limits<double>::infinity());
    options.add("next-sentence", &nsp, "predict the next sentence too");
    options.add("optimiser", &optimiser, "update rule").choices({"adamw", "lamb"});
    options.section("data", "Data");
    options.add("input", &input, "files to read");
    options.add("output", &output, "run folder");
    options.section("", "");
    options.add("resume", &resume, "go on with an earlier run").transient();
  }
};

// Sets a variable for a scope.
class Environment {
 public:
  Environment(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Environment() { ::unsetenv(name_.c_str()); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::string name_;
};

std::filesystem::path toml_file(std::string_view text, const std::string& name = "options.toml") {
  static const TemporaryFolder folder;
  return folder.write(name, text);
}

// The message of the usage error that `arguments` lead to; empty where there is none.
std::string usage_error(const Arguments& arguments) {
  Sample sample;
  try {
    (void)sample.options.parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

std::string toml_error(std::string_view text) { return usage_error({"--config", toml_file(text).string()}); }

TEST(Options, DefaultsStayWhenNothingIsGiven) {
  Sample sample;
  EXPECT_TRUE(sample.options.parse({}));
  EXPECT_EQ(sample.hidden, 256);
  EXPECT_FALSE(sample.options.given("hidden"));
}

TEST(Options, FlagsOfEveryType) {
  Sample sample;
  EXPECT_TRUE(sample.options.parse({"--hidden", "512", "--density=1e-1", "--next-sentence", "--steps",
                                    "5000000000", "--seed", "9223372036854775807", "--optimiser", "lamb",
                                    "--input", "a,b", "--input", "c", "--output", "x y"}));
  EXPECT_EQ(sample.hidden, 512);
  EXPECT_EQ(sample.density, 0.1);
  EXPECT_TRUE(sample.nsp);
  EXPECT_EQ(sample.steps, 5000000000);
  EXPECT_EQ(sample.seed, 9223372036854775807u);
  EXPECT_EQ(sample.optimiser, "lamb");
  EXPECT_EQ(sample.input, (Arguments{"a,b", "c"}));
  EXPECT_EQ(sample.output, "x y");
  EXPECT_TRUE(sample.options.given("hidden"));
  EXPECT_FALSE(sample.options.given("resume"));
}

TEST(Options, BoolsAreUnsetToo) {
  Sample sample;
  EXPECT_TRUE(sample.options.parse({"--next-sentence", "--no-next-sentence"}));
  EXPECT_FALSE(sample.nsp);
  EXPECT_TRUE(sample.options.given("next-sentence"));
  EXPECT_TRUE(contains(usage_error({"--next-sentence=maybe"}), "true or false"));
  EXPECT_TRUE(contains(usage_error({"--no-next-sentence=true"}), "takes no value"));
  EXPECT_TRUE(contains(usage_error({"--no-hidden"}), "unknown flag --no-hidden"));
}

TEST(Options, PrecedenceIsDefaultFileEnvironmentFlag) {
  const std::string file =
      toml_file("seed = 2\n[model]\nhidden = 2\ndensity = 0.2\n[training]\nsteps = 2\n").string();
  const Environment hidden("FILIGREE_HIDDEN", "3");
  const Environment density("FILIGREE_DENSITY", "0.3");
  Sample sample;
  EXPECT_TRUE(sample.options.parse({"--density", "0.4", "--config", file}));
  EXPECT_EQ(sample.steps, 2);
  EXPECT_EQ(sample.seed, 2u);
  EXPECT_EQ(sample.hidden, 3);
  EXPECT_EQ(sample.density, 0.4);
}

TEST(Options, VariablesWithAnotherMeaningAreLeftAlone) {
  const Environment data("FILIGREE_DATA", "elsewhere");
  std::filesystem::path folder = "here";
  Options options("test", "a test");
  options.add("data", &folder, "a folder");
  EXPECT_TRUE(options.parse({}));
  EXPECT_EQ(folder, "here");
}

TEST(Options, FlagsAndSetsCountInTheirOrder) {
  Sample a;
  EXPECT_TRUE(a.options.parse({"--hidden", "1", "--set", "model.hidden=2"}));
  EXPECT_EQ(a.hidden, 2);
  Sample b;
  EXPECT_TRUE(b.options.parse(
      {"--set", "model.hidden=2", "--hidden", "1", "--set=data.input=x=y", "--set", "seed=7"}));
  EXPECT_EQ(b.hidden, 1);
  EXPECT_EQ(b.input, Arguments{"x=y"});
  EXPECT_EQ(b.seed, 7u);
}

TEST(Options, AStrongerOriginReplacesAList) {
  const std::string file = toml_file("[data]\ninput = ['f', 'g']\n").string();
  Sample from_file;
  EXPECT_TRUE(from_file.options.parse({"--config", file}));
  EXPECT_EQ(from_file.input, (Arguments{"f", "g"}));
  const Environment input("FILIGREE_INPUT", "a,b");
  Sample from_environment;
  EXPECT_TRUE(from_environment.options.parse({"--config", file}));
  EXPECT_EQ(from_environment.input, (Arguments{"a", "b"}));
  Sample from_flag;
  EXPECT_TRUE(from_flag.options.parse({"--config", file, "--input", "c"}));
  EXPECT_EQ(from_flag.input, Arguments{"c"});
}

TEST(Options, InheritedFilesAreTheWeakest) {
  const auto old = toml_file("[model]\nhidden = 10\n[training]\nsteps = 10\n", "old.toml");
  const auto config = toml_file("[training]\nsteps = 20\n", "new.toml");
  Sample sample;
  sample.options.inherit([&] { return sample.resume ? old : std::filesystem::path(); });
  EXPECT_TRUE(sample.options.parse({"--resume", "--config", config.string()}));
  EXPECT_EQ(sample.hidden, 10);
  EXPECT_EQ(sample.steps, 20);
  Sample loaded;
  EXPECT_TRUE(loaded.options.parse({"--hidden", "5"}));
  loaded.options.load_toml(old);
  EXPECT_EQ(loaded.hidden, 5);
  EXPECT_EQ(loaded.steps, 10);
}

TEST(Options, UnknownNamesLeadToTheNearest) {
  EXPECT_TRUE(contains(usage_error({"--hiden", "3"}), "the nearest is --hidden"));
  EXPECT_TRUE(contains(usage_error({"--next_sentence"}), "the nearest is --next-sentence"));
  EXPECT_TRUE(contains(usage_error({"-x"}), "unknown flag -x"));
  EXPECT_TRUE(contains(usage_error({"--set", "model.hiden=3"}), "the nearest is 'model.hidden'"));
  EXPECT_TRUE(contains(usage_error({"--set", "hidden"}), "KEY=VALUE"));
  const std::string error = toml_error("# a comment\n[model]\nhiden = 3\n");
  EXPECT_TRUE(contains(error, "options.toml:3: unknown key 'model.hiden'; the nearest is 'model.hidden'"))
      << error;
  EXPECT_TRUE(contains(toml_error("[modle]\nhidden = 3\n"),
                       "options.toml:1: unknown key 'modle'; the nearest is 'model'"));
  EXPECT_TRUE(contains(toml_error("hidden = 3\n"), "the nearest is 'model.hidden'"));
}

TEST(Options, WrongValuesNameOptionValueOriginAndWhatIsAllowed) {
  EXPECT_EQ(usage_error({"--density", "1.5"}), "--density '1.5': the value must be a number from 0 to 1");
  EXPECT_EQ(usage_error({"--set", "model.density=x"}),
            "--set model.density=x: the value must be a number from 0 to 1");
  EXPECT_TRUE(contains(toml_error("\n[model]\ndensity = \"1\"\n"),
                       "options.toml:3: model.density = \"1\": the value must be a number from 0 to 1"));
  EXPECT_TRUE(contains(toml_error("[model]\nhidden = 2.0\n"), "an integer from 1 to 65536"));
  EXPECT_TRUE(contains(toml_error("[model]\ndensity = nan\n"), "a number from 0 to 1"));
  EXPECT_TRUE(contains(toml_error("[model]\nhidden = true\n"), "an integer"));
  EXPECT_TRUE(contains(toml_error("[model]\nhidden = [1]\n"), "a list"));
  EXPECT_TRUE(contains(toml_error("model = 3\n"), "unknown key 'model'"));
  EXPECT_TRUE(contains(toml_error("[training]\nnext-sentence = 1\n"), "true or false"));
  EXPECT_TRUE(contains(toml_error("[training]\noptimiser = 'sgd'\n"), "one of adamw, lamb"));
  EXPECT_TRUE(contains(toml_error("[data]\ninput = 'a'\n"), "a list of texts"));
  EXPECT_TRUE(contains(toml_error("[data]\ninput = [1]\n"), "a list of texts"));
  EXPECT_TRUE(contains(usage_error({"--steps", "0"}), "an integer of at least 1"));
  const Environment steps("FILIGREE_STEPS", "many");
  const std::string error = usage_error({"--steps", "5"});
  EXPECT_EQ(
      error,
      "environment variable FILIGREE_STEPS='many' (for --steps): the value must be an integer of at least 1");
}

TEST(Options, NumbersAreReadStrictly) {
  for (const char* text : {"", " 1", "1 ", "1x", "0x10", "1e3", "1.0", "+1", "99999999999999999999"}) {
    EXPECT_NE(usage_error({std::string("--hidden=") + text}), "") << text;
  }
  for (const char* text : {"", " 1", "1e-4x", "nan", "inf", "-inf", "1e999", "0x1p-2", "1,0"}) {
    EXPECT_NE(usage_error({std::string("--density=") + text}), "") << text;
  }
  EXPECT_NE(usage_error({"--seed", "-1"}), "");
  EXPECT_NE(usage_error({"--seed", "9223372036854775808"}), "");
  EXPECT_NE(usage_error({"--output=\xff"}), "");
}

// Commands take an empty value for none at all.
TEST(Options, EmptyValuesAreRefused) {
  EXPECT_EQ(usage_error({"--output", ""}), "--output '': the value must be a path in UTF-8, not empty");
  EXPECT_TRUE(contains(usage_error({"--output="}), "--output ''"));
  EXPECT_TRUE(contains(usage_error({"--set", "data.output="}), "--set data.output="));
  EXPECT_TRUE(contains(usage_error({"--input", "a", "--input", ""}), "--input ''"));
  EXPECT_TRUE(contains(usage_error({"--config", ""}), "--config ''"));
  EXPECT_TRUE(contains(toml_error("[data]\noutput = ''\n"), "options.toml:2: data.output"));
  EXPECT_TRUE(contains(toml_error("[data]\ninput = ['a', '']\n"), "options.toml:2: data.input"));
  for (const char* name : {"FILIGREE_INPUT", "FILIGREE_OUTPUT", "FILIGREE_DENSITY"}) {
    const Environment variable(name, "");
    EXPECT_TRUE(contains(usage_error({}), fmt::format("{}=''", name)));
  }
  const Environment gap("FILIGREE_INPUT", "a,,b");
  EXPECT_TRUE(contains(usage_error({}), "FILIGREE_INPUT='a,,b'"));
}

TEST(Options, AFileMayHoldTheEmptyDefault) {
  Sample out;
  std::filesystem::path table;
  out.options.add("table", &table, "a file");
  const std::string text = out.options.to_toml();
  EXPECT_TRUE(contains(text, "table = \"\"\n") && contains(text, "input = []\n")) << text;
  Sample in;
  in.options.add("table", &table, "a file");
  EXPECT_TRUE(in.options.parse({"--config", toml_file(text).string()}));
  EXPECT_THROW((void)in.options.parse({"--table", ""}), Error);
}

TEST(Options, AMissingValueIsNotTakenFromTheNextFlag) {
  EXPECT_TRUE(contains(usage_error({"--hidden"}), "--hidden needs a value: an integer from 1 to 65536"));
  EXPECT_TRUE(contains(usage_error({"--hidden", "--seed", "1"}), "--hidden needs a value"));
  EXPECT_TRUE(contains(usage_error({"--config"}), "--config needs a value"));
}

TEST(Options, MalformedFiles) {
  EXPECT_TRUE(contains(toml_error("[model]\nhidden = 1\nhidden = 2\n"), "options.toml:3:"));
  EXPECT_TRUE(contains(toml_error("[model\n"), "options.toml:1:"));
  EXPECT_TRUE(contains(toml_error("\xff"), "options.toml:1:"));
  EXPECT_TRUE(contains(toml_error("config-version = 2\n"), "this build reads version 1"));
  EXPECT_EQ(toml_error(""), "");
  EXPECT_TRUE(contains(usage_error({"--config", "/nowhere/x.toml"}), "/nowhere/x.toml"));
  EXPECT_TRUE(contains(toml_error("x = " + std::string(10000, '[')), "options.toml:1:"));
}

TEST(Options, FilesThatNestDeeplyAreRefused) {
  const auto key = [](int parts) {
    std::string text = "a";
    for (int part = 1; part < parts; ++part) text += ".a";
    return text;
  };
  const auto refused = [](const std::string& text) {
    const std::string error = toml_error(text);
    return contains(error, "options.toml:2: a key has more than 16 parts");
  };
  EXPECT_TRUE(refused("\n" + key(300000) + " = 1\n"));
  EXPECT_TRUE(refused("\n[" + key(300000) + "]\n"));
  EXPECT_TRUE(refused("\n[[" + key(17) + "]]\n"));
  // Behind quotes of every kind, which may hold dots and quotes themselves.
  for (const char* quoted : {"''", "'\\'", R"("\"#")", R"("""a"b"""")", R"('''a"''''')"}) {
    EXPECT_TRUE(refused("\nx = {y = " + std::string(quoted) + ", " + key(17) + " = 1}\n")) << quoted;
    EXPECT_TRUE(contains(toml_error("x = {y = " + std::string(quoted) + ", " + key(16) + " = 1}\n"),
                         "unknown key 'x'"))
        << quoted;
  }
  EXPECT_TRUE(refused("# a.comment\n" + key(5) + "." + R"("a.b" . 'c')" + "." + key(11) + " = 1\n"));
  const std::string dots(100, '.');
  EXPECT_EQ(toml_error("# " + dots + "\n[data]\ninput = ['" + dots + "', \"\"\"\n" + dots + "\"\"\"]\n"), "");
  // Values inside each other, each with the longest key.
  std::string deep = "1";
  for (int level = 0; level < 250; ++level) deep = fmt::format("{{{} = {}}}", key(16), deep);
  EXPECT_TRUE(contains(toml_error("x = " + deep + "\n"), "unknown key 'x'"));
}

TEST(Options, PositionalArguments) {
  EXPECT_TRUE(contains(usage_error({"stray"}), "unexpected argument 'stray'"));
  Sample sample;
  sample.options.positional("TEXT", &sample.rest, "sentences with [MASK]", true);
  EXPECT_THROW((void)sample.options.parse({"--hidden", "1"}), Error);
  EXPECT_TRUE(sample.options.parse({"[MASK] is a [MASK]", "-", "--hidden", "2", "--", "--not-a-flag"}));
  EXPECT_EQ(sample.rest, (Arguments{"[MASK] is a [MASK]", "-", "--not-a-flag"}));
}

TEST(Options, RequiredOptions) {
  Sample sample;
  int layers = 0;
  sample.options.add("layers", &layers, "number of layers").required();
  EXPECT_THROW((void)sample.options.parse({}), Error);
  EXPECT_TRUE(sample.options.parse({"--layers", "2"}));
}

TEST(Options, DescriptionsThatClashAreCaught) {
  Sample sample;
  int again = 0;
  EXPECT_THROW(sample.options.add("hidden", &again, ""), std::logic_error);
  EXPECT_THROW(sample.options.add("config", &again, ""), std::logic_error);
  EXPECT_THROW(sample.options.add("model", &again, ""), std::logic_error);
  EXPECT_THROW(sample.options.section("seed", ""), std::logic_error);
  EXPECT_THROW((void)sample.options.given("nothing"), std::logic_error);
}

TEST(Options, TomlOfTheEffectiveConfiguration) {
  Sample sample;
  EXPECT_TRUE(
      sample.options.parse({"--resume", "--density", "0.1", "--input", "a\"b", "--output", "caf\xc3\xa9\n"}));
  EXPECT_EQ(sample.options.to_toml(), R"(# filigree bert pretrain: the effective configuration.
config-version = 1

# seed of all random numbers
seed = 1

[model]  # Model
# width of the encoder
hidden = 256
# share of the blocks that are stored
density = 0.1

[training]  # Training
# optimiser steps
steps = 1000
# predict the next sentence too
next-sentence = false
# update rule
optimiser = "adamw"

[data]  # Data
# files to read
input = ["a\"b"]
# run folder
output = "caf)"
                                      "\xc3\xa9"
                                      R"(\n"
)");
}

TEST(Options, TomlLoadsBackToTheSameValues) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    Sample out;
    out.hidden = 1 + static_cast<int>(random() % 65536);
    out.density = std::ldexp(static_cast<double>(random() >> 11), -53 - static_cast<int>(random() % 60));
    out.nsp = random() % 2 != 0;
    out.steps = 1 + static_cast<std::int64_t>(random() >> 1) / (1 << (random() % 31));
    out.seed = random() >> 1;
    out.output.clear();
    std::string text;
    for (int i = 0; i < 20; ++i) text += static_cast<char>(1 + random() % 127);
    out.output = text;
    out.input.assign(random() % 3, text + "'\"\\");
    Sample in;
    EXPECT_TRUE(in.options.parse({"--config", toml_file(out.options.to_toml()).string()}));
    EXPECT_EQ(in.hidden, out.hidden);
    EXPECT_EQ(in.density, out.density);
    EXPECT_EQ(in.nsp, out.nsp);
    EXPECT_EQ(in.steps, out.steps);
    EXPECT_EQ(in.seed, out.seed);
    EXPECT_EQ(in.output, out.output);
    EXPECT_EQ(in.input, out.input);
  }
}

TEST(Options, HelpGroupsOptionsWithTheirDefaults) {
  Sample sample;
  sample.hidden = 7;  // help shows the default, not the present value
  int secret = 0;
  sample.options.add("secret", &secret, "for tests").hidden();
  const std::string help = sample.options.help();
  EXPECT_TRUE(contains(help, "usage: filigree bert pretrain [options]\n"));
  EXPECT_TRUE(contains(help,
                       "\nModel:\n  --hidden INTEGER            width of the encoder (an integer from 1 to "
                       "65536; default: 256)\n"))
      << help;
  EXPECT_TRUE(
      contains(help, "  --[no-]next-sentence        predict the next sentence too (default: false)\n"));
  EXPECT_TRUE(contains(help, "  --optimiser adamw|lamb      update rule (default: adamw)\n"));
  EXPECT_TRUE(contains(help, "--input TEXT ..."));
  EXPECT_FALSE(contains(help, "secret"));
  std::size_t begin = 0;
  for (std::size_t end; (end = help.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 100u);

  ::testing::internal::CaptureStdout();
  EXPECT_FALSE(sample.options.parse({"--unknown", "--help"}));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), help);
}

TEST(Options, MarkdownHasATableForEachSection) {
  Sample sample;
  const std::string markdown = sample.options.markdown();
  EXPECT_TRUE(
      contains(markdown,
               "### Model\n\n| flag | key | value | default | what it does |\n|---|---|---|---|---|\n"
               "| `--hidden` | `model.hidden` | an integer from 1 to 65536 | 256 | width of the encoder |\n"))
      << markdown;
}

}  // namespace
}  // namespace filigree::run
