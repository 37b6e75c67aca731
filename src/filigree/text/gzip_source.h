// Reads gzip files (RFC 1952), also those of several members.
#pragma once

#include <memory>

#include "filigree/text/byte_source.h"
#include "filigree/text/file_input.h"

namespace filigree::text {

bool is_gzip(std::string_view start);
std::unique_ptr<ByteSource> make_gzip_source(std::unique_ptr<FileInput> file);

}  // namespace filigree::text
