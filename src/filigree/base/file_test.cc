#include "filigree/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "filigree/base/error.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using test::ChildProcess;
using test::contains;
using test::error_of;
using test::TemporaryFolder;

std::string partial_of(const std::filesystem::path& path) { return path.string() + ".partial"; }

TEST(ReadFile, GivesEveryByte) {
  const TemporaryFolder folder;
  const std::string content("a\0b\r\n\xff", 6);
  write_file_atomically(folder / "x", content);
  EXPECT_EQ(read_file(folder / "x"), content);
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
}

// Its size is 0, or unknown, until it is read: a shell's <(command).
TEST(ReadFile, ReadsAPipeToItsEnd) {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string content(200'000, 'x');
  const test::ChildProcess writer([&] {
    const Descriptor file = Descriptor::open(pipe, O_WRONLY);
    return write_all(file, content) == 0 ? 0 : 1;
  });
  EXPECT_EQ(read_file(pipe), content);
}

TEST(ReadFile, NamesAMissingFile) {
  const TemporaryFolder folder;
  const std::string message = error_of(ExitCode::kBadData, [&] { read_file(folder / "none"); });
  EXPECT_EQ(message, "cannot open " + (folder / "none").string() + ": No such file or directory");
}

TEST(ReadFile, RefusesAFolder) {
  const TemporaryFolder folder;
  const std::string message = error_of(ExitCode::kBadData, [&] { read_file(folder.path()); });
  EXPECT_EQ(message, folder.path().string() + " is a folder, not a file");
}

TEST(ReadFile, RefusesWhatHasNoEnd) {
  const std::string error = error_of(ExitCode::kBadData, [] { (void)read_file("/dev/zero", 1 << 20); });
  EXPECT_TRUE(contains(error, "/dev/zero is larger than 1048576 bytes"));
}

TEST(MappedFile, RefusesAPipeWithoutWaitingForIt) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const std::string error = error_of(ExitCode::kBadData, [&] { (void)MappedFile(folder / "pipe"); });
  EXPECT_TRUE(contains(error, "no regular file"));
}

TEST(MappedFile, MapsEveryByte) {
  const TemporaryFolder folder;
  const std::string content(100'000, 'x');
  write_file_atomically(folder / "x", content);
  MappedFile first(folder / "x");
  const MappedFile moved(std::move(first));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(moved.bytes().data()), moved.bytes().size()), content);
}

TEST(MappedFile, MapsAnEmptyFileToNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "empty", "");
  EXPECT_TRUE(MappedFile(folder / "empty").bytes().empty());
}

TEST(MappedFile, NamesAMissingFile) {
  const TemporaryFolder folder;
  (void)error_of(ExitCode::kBadData, [&] { MappedFile file(folder / "none"); });
}

TEST(AtomicFile, ReplacesOnlyAtCommit) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_file_atomically(path, "old");
  AtomicFile file(path);
  file.write("ne");
  file.write("w", 1);
  EXPECT_EQ(file.size(), 3U);
  EXPECT_EQ(read_file(path), "old");
  file.commit();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_FALSE(std::filesystem::exists(partial_of(path)));
}

TEST(AtomicFile, OverwritesWhatWasWrittenAndGoesOnAtTheEnd) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "x");
  file.write("00 bytes");
  file.overwrite(0, "12", 2);
  file.write(" of text");
  EXPECT_EQ(file.size(), 16U);
  file.commit();
  EXPECT_EQ(read_file(folder / "x"), "12 bytes of text");
}

TEST(AtomicFile, ASecondWriterIsSentAway) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  {
    AtomicFile first(path);
    first.write("first");
    EXPECT_NE(error_of(ExitCode::kUsage, [&] { AtomicFile second(path); }).find("another process is writing"),
              std::string::npos);
    first.commit();
  }
  EXPECT_EQ(read_file(path), "first");
  // What a killed writer left is no hindrance, and leaves nothing behind.
  write_file_atomically(folder / "other", "long remains of an earlier writer");
  std::filesystem::rename(folder / "other", partial_of(path));
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
}

TEST(AtomicFile, WithoutCommitLeavesTheOldFileAndNoPartial) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_file_atomically(path, "old");
  AtomicFile(path).write("new");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_FALSE(std::filesystem::exists(partial_of(path)));
}

TEST(AtomicFile, WritesIntoTheCurrentFolder) {
  const TemporaryFolder folder;
  ChildProcess child([&] {
    if (::chdir(folder.path().c_str()) != 0) return 1;
    write_file_atomically("x", "new");
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_file(folder / "x"), "new");
}

TEST(AtomicFile, NamesAFolderThatDoesNotExist) {
  const TemporaryFolder folder;
  const auto path = folder / "none" / "x";
  const std::string message = error_of(ExitCode::kFailed, [&] { AtomicFile file(path); });
  EXPECT_EQ(message, "cannot create " + partial_of(path) + ": No such file or directory");
}

TEST(AtomicFile, DoesNotReplaceAFolder) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "x");
  const std::string message =
      error_of(ExitCode::kFailed, [&] { write_file_atomically(folder / "x", "new"); });
  EXPECT_TRUE(contains(message, "cannot rename")) << message;
  EXPECT_FALSE(std::filesystem::exists(partial_of(folder / "x")));
}

// The device /dev/full answers every write as a full disk does.
TEST(AtomicFile, AFullDiskIsNamedWithItsCure) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_file_atomically(path, "old");
  std::filesystem::create_symlink("/dev/full", partial_of(path));
  const std::string message = error_of(ExitCode::kFailed, [&] { write_file_atomically(path, "new"); });
  EXPECT_EQ(message, "cannot write " + partial_of(path) +
                         ": No space left on device; free some space and run the same command again");
  EXPECT_EQ(read_file(path), "old");
}

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNoPartial) {
  const int code = test::run_on_small_disk(1 << 20, [](const std::filesystem::path& disk) {
    const auto path = disk / "x";
    const std::string old(300'000, 'o');
    write_file_atomically(path, old);
    const std::string error =
        error_of(ExitCode::kFailed, [&] { write_file_atomically(path, std::string(900'000, 'n')); });
    if (!contains(error, "No space left on device")) return 1;
    if (::testing::Test::HasFailure()) return 2;
    if (read_file(path) != old) return 3;
    if (std::filesystem::exists(partial_of(path))) return 4;
    write_file_atomically(path, std::string(500'000, 'n'));  // the partial file's space is free again
    return 0;
  });
  if (code == test::kCannotMount) GTEST_SKIP() << "cannot mount a small file system here";
  EXPECT_EQ(code, 0);
}

TEST(AtomicFile, KilledBetweenWriteAndRenameLeavesTheOldFile) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_file_atomically(path, "old");
  ChildProcess child([&] {
    AtomicFile file(path);
    file.write("half of the n");
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_EQ(read_file(path), "old");
  // What the killed process left is overwritten by the next attempt.
  write_file_atomically(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_FALSE(std::filesystem::exists(partial_of(path)));
}

TEST(AtomicFile, KilledAtAnyMomentTheFileIsOldOrNew) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const std::string a(200'000, 'a');
  const std::string b(300'000, 'b');
  write_file_atomically(path, a);
  for (int i = 0; i < 25; ++i) {
    ChildProcess child([&] {
      for (;;) {
        write_file_atomically(path, b);
        write_file_atomically(path, a);
      }
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 733 * i));
    child.kill(SIGKILL);
    ASSERT_EQ(child.wait(), -SIGKILL);
    const std::string content = read_file(path);
    ASSERT_TRUE(content == a || content == b) << content.size() << " bytes";
  }
}

}  // namespace
}  // namespace filigree
