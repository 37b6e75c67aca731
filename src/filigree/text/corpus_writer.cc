#include "filigree/text/corpus_writer.h"

#include <xxhash.h>

#include <array>

#include "filigree/base/error.h"
#include "filigree/text/corpus_format.h"

namespace filigree::text {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

}  // namespace

CorpusWriter::CorpusWriter(const std::filesystem::path& path, const Vocabulary& vocabulary)
    : file_(path),
      paragraphs_(path.parent_path()),
      documents_(path.parent_path()),
      hash_(XXH3_createState(), [](XXH3_state_s* state) { XXH3_freeState(state); }),
      vocabulary_size_(static_cast<std::uint32_t>(vocabulary.size())),
      vocabulary_hash_(vocabulary.hash()),
      counts_(vocabulary_size_) {
  XXH3_64bits_reset(hash_.get());
  buffer_.reserve(kBufferBytes + 64);
  const CorpusHeader empty{};
  file_.write(&empty, sizeof(empty));
}

CorpusWriter::~CorpusWriter() = default;

void CorpusWriter::append(const void* data, std::size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  body_bytes_ += bytes;
  if (buffer_.size() >= kBufferBytes) flush();
}

void CorpusWriter::flush() {
  XXH3_64bits_update(hash_.get(), buffer_.data(), buffer_.size());
  file_.write(buffer_);
  buffer_.clear();
}

void CorpusWriter::pad() {
  static constexpr std::array<char, kCorpusAlignment> kZeros{};
  append(kZeros.data(), (kCorpusAlignment - body_bytes_ % kCorpusAlignment) % kCorpusAlignment);
}

void CorpusWriter::add_paragraph(std::span<const std::int32_t> tokens) {
  if (tokens.empty()) return;
  paragraphs_.write(&token_count_, sizeof(token_count_));
  for (const std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= vocabulary_size_) {
      fail("token {} lies outside the vocabulary of {} pieces", token, vocabulary_size_);
    }
    ++counts_[static_cast<std::size_t>(token)];
  }
  if (corpus_token_bytes(vocabulary_size_) == 2) {
    narrow_.assign(tokens.begin(), tokens.end());
    append(narrow_.data(), narrow_.size() * sizeof(narrow_[0]));
  } else {
    append(tokens.data(), tokens.size_bytes());
  }
  token_count_ += tokens.size();
  ++paragraph_count_;
}

void CorpusWriter::end_document() {
  if (paragraph_count_ == document_start_) return;
  documents_.write(&document_start_, sizeof(document_start_));
  document_start_ = paragraph_count_;
  ++document_count_;
}

void CorpusWriter::append_bounds(SpillFile& bounds, std::uint64_t end) {
  bounds.replay([this](std::string_view bytes) { append(bytes.data(), bytes.size()); });
  append(&end, sizeof(end));
  pad();
}

void CorpusWriter::finish() {
  if (finished_) return;
  finished_ = true;
  end_document();
  pad();
  append_bounds(paragraphs_, token_count_);
  append_bounds(documents_, paragraph_count_);
  append(counts_.data(), counts_.size() * sizeof(counts_[0]));
  pad();
  flush();
  CorpusHeader header{};
  std::memcpy(header.magic, kCorpusMagic, sizeof(kCorpusMagic));
  header.version = kCorpusVersion;
  header.token_bytes = corpus_token_bytes(vocabulary_size_);
  header.vocabulary_size = vocabulary_size_;
  header.vocabulary_hash = vocabulary_hash_;
  header.token_count = token_count_;
  header.paragraph_count = paragraph_count_;
  header.document_count = document_count_;
  header.body_checksum = XXH3_64bits_digest(hash_.get());
  header.header_checksum = XXH3_64bits(&header, offsetof(CorpusHeader, header_checksum));
  file_.overwrite(0, &header, sizeof(header));
  file_.sync();
}

void CorpusWriter::commit() {
  finish();
  file_.commit();
}

}  // namespace filigree::text
