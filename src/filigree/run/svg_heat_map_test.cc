#include "filigree/run/svg_heat_map.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "filigree/base/test_support.h"
#include "filigree/run/test_xml.h"

namespace filigree::run {
namespace {

using test::contains;

HeatMap small() {
  return {.title = "speed < light",
          .panel_rows = {"b = 1"},
          .panel_columns = {"1/4", "1/8"},
          .row_label = "m",
          .column_label = "n",
          .rows = {"512", "1024"},
          .columns = {"4", "16"},
          .values = {0.1, 0.5, 1, 2.04, 9.96, 31.4, std::numeric_limits<double>::quiet_NaN(), 5},
          .most = 10};
}

TEST(HeatMap, DrawsACellForEachValue) {
  const std::string svg = small().svg();
  EXPECT_EQ(parse_xml(svg).front().name, "svg");
  for (const char* value : {">0.10<", ">0.50<", ">1.0<", ">2.0<", ">10<", ">31<", ">5.0<"}) {
    EXPECT_TRUE(contains(svg, value)) << value;
  }
  EXPECT_TRUE(contains(svg, "speed &lt; light"));
  EXPECT_TRUE(contains(svg, "#b9bcc0"));  // without a value
  EXPECT_TRUE(contains(svg, "#f08a3c"));  // 0.1
  EXPECT_TRUE(contains(svg, "#f6f4ee"));  // 1
  EXPECT_TRUE(contains(svg, "#468ce2"));  // beyond 10
}

TEST(HeatMap, RefusesAnotherNumberOfValues) {
  HeatMap map = small();
  map.values.pop_back();
  EXPECT_THROW((void)map.svg(), std::invalid_argument);
}

}  // namespace
}  // namespace filigree::run
