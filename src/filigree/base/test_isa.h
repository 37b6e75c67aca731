// For tests: a fixture that runs its tests on each instruction set of the CPU.
//
//   class CastOnEachIsa : public test::OnEachIsa {};
//   INSTANTIATE_TEST_SUITE_P(Isas, CastOnEachIsa, test::every_isa(), test::isa_label);
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "filigree/base/isa.h"

namespace filigree::test {

class OnEachIsa : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { force_isa(GetParam()); }
  void TearDown() override { force_isa(detected_isa()); }
};

inline auto every_isa() { return ::testing::ValuesIn(usable_isas()); }

inline std::string isa_label(const ::testing::TestParamInfo<Isa>& info) {
  std::string name(isa_name(info.param));
  std::erase(name, '-');
  return name;
}

}  // namespace filigree::test
