#include "filigree/text/input_files.h"

#include <gtest/gtest.h>

#include "filigree/base/test_support.h"

namespace filigree::text {
namespace {

using test::error_of;
using test::TemporaryFolder;

TEST(InputFiles, FoldersGiveTheirFilesSortedByPath) {
  const TemporaryFolder folder;
  folder.write("d/b.txt", "bb");
  folder.write("d/a/z.txt", "z");
  folder.write("d/a.txt", "");
  const auto single = folder.write("single", "1");
  const std::vector<InputFile> files = find_input_files({single, folder / "d"});
  ASSERT_EQ(files.size(), 4U);
  EXPECT_EQ(files[0].path, single);
  EXPECT_TRUE(files[0].named);
  EXPECT_EQ(files[1].path, folder / "d/a.txt");
  EXPECT_FALSE(files[1].named);
  EXPECT_EQ(files[2].path, folder / "d/a/z.txt");
  EXPECT_EQ(files[3].path, folder / "d/b.txt");
  EXPECT_EQ(files[3].bytes, 2U);
}

TEST(InputFiles, WhatIsMissingOrEmptyIsAnError) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "d");
  const auto empty = folder.write("empty", "");
  const auto error = [](const std::filesystem::path& path) {
    return error_of(ExitCode::kBadData, [&] { find_input_files({path}); });
  };
  EXPECT_NE(error(folder / "none").find("none cannot be read"), std::string::npos);
  EXPECT_NE(error(folder / "d").find("holds no files"), std::string::npos);
  EXPECT_NE(error(empty).find("empty is empty"), std::string::npos);
  folder.write("d/a", "");
  folder.write("d/b", "");
  EXPECT_NE(error(folder / "d").find("holds no text"), std::string::npos);
}

}  // namespace
}  // namespace filigree::text
