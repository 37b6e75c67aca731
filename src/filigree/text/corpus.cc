#include "filigree/text/corpus.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/text/corpus_format.h"

namespace filigree::text {
namespace {

// Larger files are verified only on request, so that opening them stays quick.
constexpr std::uint64_t kAlwaysVerified = std::uint64_t{1} << 30;

// Cuts a file into its sections; no sum or product can overflow.
class SectionCutter {
 public:
  explicit SectionCutter(std::span<const std::byte> file) : file_(file) {}

  // The next `count` elements of `element` bytes. An empty answer with fits() false: they are not there.
  std::span<const std::byte> take(std::uint64_t count, std::uint64_t element) {
    const std::uint64_t left = file_.size() - offset_;
    if (count > left / element) {
      fits_ = false;
      return {};
    }
    const std::span<const std::byte> section = file_.subspan(offset_, count * element);
    const std::uint64_t padded =
        (section.size() + kCorpusAlignment - 1) / kCorpusAlignment * kCorpusAlignment;
    fits_ = fits_ && padded <= left;
    offset_ += std::min(padded, left);
    return section;
  }
  bool fits() const { return fits_; }
  bool at_end() const { return offset_ == file_.size(); }

 private:
  std::span<const std::byte> file_;
  std::uint64_t offset_ = 0;
  bool fits_ = true;
};

template <typename T>
bool copy_checked(const std::byte* from, std::uint64_t count, std::uint32_t size, std::int32_t* out) {
  std::uint32_t largest = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t token = load<T>(from, i);
    largest = std::max(largest, token);
    out[i] = static_cast<std::int32_t>(token);
  }
  return count == 0 || largest < size;
}

}  // namespace

double entropy_of_counts(std::span<const std::uint64_t> counts) {
  const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  double entropy = 0;
  for (const std::uint64_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(total);
    entropy -= share * std::log(share);
  }
  return entropy;
}

Corpus::Corpus(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  CorpusHeader header;
  if (bytes.size() < sizeof(header) || std::memcmp(bytes.data(), kCorpusMagic, sizeof(kCorpusMagic)) != 0) {
    fail_data("{} is not a tokenised corpus; make one with filigree bert prepare", path_.string());
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.version != kCorpusVersion) {
    fail_data("{} has version {} of the corpus format, this program reads version {}; prepare it again",
              path_.string(), header.version, kCorpusVersion);
  }
  if (header.header_checksum != XXH3_64bits(bytes.data(), offsetof(CorpusHeader, header_checksum))) {
    fail_damaged("the header does not fit its checksum");
  }
  const bool plausible = header.vocabulary_size > 0 &&
                         header.vocabulary_size <= std::uint32_t{std::numeric_limits<std::int32_t>::max()} &&
                         header.token_bytes == corpus_token_bytes(header.vocabulary_size) &&
                         header.paragraph_count < std::numeric_limits<std::uint64_t>::max() &&
                         header.document_count < std::numeric_limits<std::uint64_t>::max();
  if (!plausible) fail_damaged("the header's numbers cannot be");

  token_count_ = header.token_count;
  paragraph_count_ = header.paragraph_count;
  document_count_ = header.document_count;
  vocabulary_hash_ = header.vocabulary_hash;
  vocabulary_size_ = header.vocabulary_size;
  token_bytes_ = header.token_bytes;
  checksum_ = header.body_checksum;
  body_ = bytes.subspan(sizeof(header));
  SectionCutter cutter(body_);
  tokens_ = cutter.take(token_count_, token_bytes_);
  paragraphs_ = cutter.take(paragraph_count_ + 1, sizeof(std::uint64_t));
  documents_ = cutter.take(document_count_ + 1, sizeof(std::uint64_t));
  counts_ = cutter.take(vocabulary_size_, sizeof(std::uint64_t));
  if (!cutter.fits()) fail_damaged("it ends too early");
  if (!cutter.at_end()) fail_damaged("there are bytes behind its end");
  if (paragraph_begin(0) != 0 || paragraph_begin(paragraph_count_) != token_count_ ||
      document_begin(0) != 0 || document_begin(document_count_) != paragraph_count_) {
    fail_damaged("its bounds do not cover it");
  }
  std::uint64_t left = token_count_;
  for (std::uint32_t id = 0; id < vocabulary_size_; ++id) {
    if (count_of(id) > left) fail_damaged("its counts do not add up");
    left -= count_of(id);
  }
  if (left != 0) fail_damaged("its counts do not add up");
  if (bytes.size() <= kAlwaysVerified) verify();
}

void Corpus::fail_damaged(const char* what) const {
  fail_data("{} is damaged: {}; prepare it again", path_.string(), what);
}

std::uint64_t Corpus::bound(std::span<const std::byte> bounds, std::uint64_t index, std::uint64_t count,
                            std::uint64_t limit, const char* what) const {
  if (index > count) fail("{} {} of {} was asked for, which has {}", what, index, path_.string(), count);
  const auto value = load<std::uint64_t>(bounds.data(), index);
  // Held against its neighbour: no paragraph and no document is empty, and no difference of two bounds wraps
  // around.
  const bool rises = index == count || value < load<std::uint64_t>(bounds.data(), index + 1);
  if (!rises || value > limit) fail_damaged("its bounds are out of order");
  return value;
}

std::uint64_t Corpus::paragraph_begin(std::uint64_t p) const {
  return bound(paragraphs_, p, paragraph_count_, token_count_, "paragraph");
}

std::uint64_t Corpus::document_begin(std::uint64_t d) const {
  return bound(documents_, d, document_count_, paragraph_count_, "document");
}

void Corpus::copy_tokens(std::uint64_t begin, std::uint64_t count, std::int32_t* out) const {
  if (begin > token_count_ || count > token_count_ - begin) {
    fail("tokens {} to {} of {} were asked for, which has {}", begin, begin + count, path_.string(),
         token_count_);
  }
  const std::byte* from = tokens_.data() + begin * token_bytes_;
  const bool fits = token_bytes_ == 2 ? copy_checked<std::uint16_t>(from, count, vocabulary_size_, out)
                                      : copy_checked<std::uint32_t>(from, count, vocabulary_size_, out);
  if (!fits) fail_damaged("a token lies beyond its vocabulary");
}

std::uint64_t Corpus::count_of(std::uint32_t id) const { return load<std::uint64_t>(counts_.data(), id); }

double Corpus::unigram_entropy() const {
  std::vector<std::uint64_t> counts(vocabulary_size_);
  for (std::uint32_t id = 0; id < vocabulary_size_; ++id) counts[id] = count_of(id);
  return entropy_of_counts(counts);
}

void Corpus::check_vocabulary(const Vocabulary& vocabulary) const {
  if (vocabulary.hash() == vocabulary_hash_ &&
      static_cast<std::uint32_t>(vocabulary.size()) == vocabulary_size_)
    return;
  fail_data(
      "{} was prepared with another vocabulary ({} pieces, this one has {}); use the vocab.txt of its folder "
      "or "
      "prepare the text again with --vocab",
      path_.string(), vocabulary_size_, vocabulary.size());
}

void Corpus::verify() const {
  if (XXH3_64bits(body_.data(), body_.size()) != checksum_)
    fail_damaged("its content does not fit its checksum");
  for (std::uint64_t p = 0; p < paragraph_count_; ++p) (void)paragraph_begin(p);
  for (std::uint64_t d = 0; d < document_count_; ++d) (void)document_begin(d);
  std::vector<std::uint64_t> counts(vocabulary_size_);
  std::vector<std::int32_t> chunk(std::size_t{1} << 16);
  for (std::uint64_t begin = 0; begin < token_count_; begin += chunk.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(chunk.size(), token_count_ - begin);
    copy_tokens(begin, count, chunk.data());
    for (std::uint64_t i = 0; i < count; ++i) ++counts[static_cast<std::size_t>(chunk[i])];
  }
  for (std::uint32_t id = 0; id < vocabulary_size_; ++id) {
    if (counts[id] != count_of(id)) fail_damaged("its counts are not those of its tokens");
  }
}

}  // namespace filigree::text
