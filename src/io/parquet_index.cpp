// The file _metadata beside many Parquet files: the footers of all, each chunk with the path of its file. Footers are structures of
// Thrift's compact protocol; DuckDB writes none for other files, so that those of ours are taken apart and put together here.
#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string_view>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/io/parquet_file.hpp"

namespace skyfold {
namespace {

constexpr std::string_view magic = "PAR1";

/// Types of Thrift's compact protocol.
enum class ThriftType : std::uint8_t { yes = 1, no, byte, i16, i32, i64, real, binary, list, set, map, structure };

/// Fields of FileMetaData and RowGroup (parquet.thrift of Apache Parquet).
constexpr int rows_field = 3, row_groups_field = 4, chunks_field = 1, path_field = 1;

[[noreturn]] void throw_damaged() { throw IoError("the end of a Parquet file is damaged"); }

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_signed(std::string& out, std::int64_t value) {
  // Zigzag: small numbers of either sign are short.
  put_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

/// Reads a structure from its beginning to its end.
class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] std::string_view since(std::size_t begin) const { return bytes_.substr(begin, at_ - begin); }

  std::uint8_t byte() {
    if (at_ >= bytes_.size()) throw_damaged();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
    // Ten bytes that all say that one more follows: no number of 64 bits.
    throw_damaged();
  }
  std::int64_t whole() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  void pass(std::uint64_t bytes) {
    if (bytes > bytes_.size() - at_) throw_damaged();
    at_ += bytes;
  }

  /// Calls `use(field, type)` for each field, which must read the value.
  template <class Use>
  void each_field(const Use& use) {
    int field = 0;
    for (std::uint8_t header = byte(); header != 0; header = byte()) {
      // The upper half of the byte is the step from the last field; 0: the number follows.
      field = header >> 4 ? field + (header >> 4) : static_cast<int>(whole());
      use(field, static_cast<ThriftType>(header & 0xF));
    }
  }
  /// Number and type of the elements of a list.
  std::pair<std::uint64_t, ThriftType> list() {
    const std::uint8_t header = byte();
    // 15 means that the number is too large for the half byte, and follows.
    return {header >> 4 == 15 ? varint() : header >> 4, static_cast<ThriftType>(header & 0xF)};
  }

  void skip(ThriftType type, bool is_element = false) {
    switch (type) {
      case ThriftType::yes:
      case ThriftType::no:
        return pass(is_element ? 1 : 0);  // the value of a field stands in its header
      case ThriftType::byte:
        return pass(1);
      case ThriftType::i16:
      case ThriftType::i32:
      case ThriftType::i64:
        return static_cast<void>(varint());
      case ThriftType::real:
        return pass(8);
      case ThriftType::binary:
        return pass(varint());
      case ThriftType::list:
      case ThriftType::set: {
        const auto [count, element] = list();
        for (std::uint64_t i = 0; i < count; ++i) skip(element, true);
        return;
      }
      case ThriftType::structure:
        return each_field([&](int, ThriftType of_field) { skip(of_field); });
      case ThriftType::map:
        throw_damaged();  // Parquet has none
    }
    throw_damaged();
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

/// Writes the fields of a structure in their order.
class ThriftFields {
 public:
  void begin(int field, ThriftType type, std::string& out) {
    const int step = field - last_;
    out += static_cast<char>((step > 0 && step < 16 ? step << 4 : 0) | static_cast<int>(type));
    if (step <= 0 || step >= 16) put_signed(out, field);
    last_ = field;
  }

 private:
  int last_ = 0;
};

/// A chunk with the path of the file that it is in; chunks of files that stand alone have none.
void put_chunk(ThriftReader& in, const std::string& path, std::string& out) {
  ThriftFields fields;
  fields.begin(path_field, ThriftType::binary, out);
  put_varint(out, path.size());
  out += path;
  in.each_field([&](int field, ThriftType type) {
    const std::size_t begin = in.at();
    in.skip(type);
    // The fields behind it are copied as they are: a later version of the format may have more than are known here.
    if (field == path_field) return;
    fields.begin(field, type, out);
    out += in.since(begin);
  });
  out += '\0';
}

void put_row_group(ThriftReader& in, const std::string& path, std::string& out) {
  ThriftFields fields;
  in.each_field([&](int field, ThriftType type) {
    fields.begin(field, type, out);
    const std::size_t begin = in.at();
    if (field != chunks_field) {
      in.skip(type);
      out += in.since(begin);
      return;
    }
    const auto [count, element] = in.list();
    out += in.since(begin);
    for (std::uint64_t i = 0; i < count; ++i) put_chunk(in, path, out);
  });
  out += '\0';
}

std::string footer_of(const std::string& path) {
  const File file = File::for_reading(path);
  const std::int64_t size = file.size();
  std::array<char, 8> end{};
  // "PAR1", ..., the footer, its length, "PAR1".
  if (size < 12) throw_damaged();
  file.read(size - 8, std::as_writable_bytes(std::span(end)));
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, end.data(), sizeof bytes);
  if (std::string_view(end.data() + 4, 4) != magic || bytes > size - 12) throw_damaged();
  std::string footer(bytes, '\0');
  file.read(size - 8 - bytes, std::as_writable_bytes(std::span(footer)));
  return footer;
}

/// What is collected of all footers.
struct Collected {
  std::map<int, std::pair<ThriftType, std::string>> fields;  ///< of the first
  std::int64_t rows = 0;
  std::uint64_t row_groups = 0;
  std::string row_group_bytes;
};

void collect(const std::string& footer, const std::string& name, Collected& all) {
  const bool is_first = all.fields.empty();
  ThriftReader in(footer);
  in.each_field([&](int field, ThriftType type) {
    const std::size_t begin = in.at();
    if (field == rows_field) {
      all.rows += in.whole();
    } else if (field == row_groups_field) {
      const auto [count, element] = in.list();
      all.row_groups += count;
      for (std::uint64_t i = 0; i < count; ++i) put_row_group(in, name, all.row_group_bytes);
    } else {
      in.skip(type);
    }
    // Schema, version and metadata are the same in all files, which one export has written.
    if (is_first) all.fields[field] = {type, std::string(in.since(begin))};
  });
}

std::string put_together(const Collected& all) {
  std::string out;
  ThriftFields fields;
  for (const auto& [field, value] : all.fields) {
    fields.begin(field, value.first, out);
    if (field == rows_field) {
      put_signed(out, all.rows);
    } else if (field == row_groups_field) {
      // The long form for any number, so that the bytes before the groups do not depend on it.
      out += static_cast<char>(0xF0 | static_cast<int>(ThriftType::structure));
      put_varint(out, all.row_groups);
      out += all.row_group_bytes;
    } else {
      out += value.second;
    }
  }
  out += '\0';
  return out;
}

}  // namespace

void write_parquet_index(const std::string& path, const std::string& folder, const std::vector<std::string>& names) {
  Collected all;
  for (const std::string& name : names) {
    try {
      collect(footer_of(folder + "/" + name), name, all);
    } catch (const IoError& error) {
      throw IoError(fmt::format("{}/{}: {}", folder, name, error.what()));
    }
  }
  const std::string footer = put_together(all);
  const auto bytes = static_cast<std::uint32_t>(footer.size());
  if (bytes != footer.size()) throw IoError(fmt::format("{}: more than 4 GiB of footers", path));
  FileAppender file(path);
  file.add(magic);
  file.add(footer);
  file.add(std::string_view(reinterpret_cast<const char*>(&bytes), sizeof bytes));
  file.add(magic);
  file.finish();
}

}  // namespace skyfold
