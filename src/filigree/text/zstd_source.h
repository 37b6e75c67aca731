// Reads Zstandard files (RFC 8878), also those of several frames.
#pragma once

#include <memory>

#include "filigree/text/byte_source.h"
#include "filigree/text/file_input.h"

namespace filigree::text {

bool is_zstd(std::string_view start);
std::unique_ptr<ByteSource> make_zstd_source(std::unique_ptr<FileInput> file);

}  // namespace filigree::text
