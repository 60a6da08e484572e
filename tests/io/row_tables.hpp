#pragma once

#include <cstring>
#include <string>

#include "skyfold/core/random.hpp"
#include "skyfold/table/table.hpp"

/// Tables for tests of products: every type and width, with values that tell rows apart.
namespace skyfold::testing_support {

inline Schema every_type() {
  Schema schema = {{"f4", Type::f4, 1, "mag", "phot.mag", "a magnitude", "MAG"},
                   {"f8", Type::f8, 1, "deg"},
                   {"i4", Type::i4},
                   {"i8", Type::i8},
                   {"u1", Type::u1},
                   {"text", Type::text, 7},
                   {"pdf", Type::f4, 5},
                   {"triple", Type::i8, 3},
                   {"bytes", Type::u1, 2}};
  schema[2].null = -99;
  return schema;
}

/// Random bits in every column; text is letters of varying length, padded with NUL.
inline Table random_table(const Schema& schema, std::size_t rows, std::uint64_t seed) {
  Table table(schema, rows);
  ObjectRandom random(seed, 0);
  for (std::size_t c = 0; c < table.columns(); ++c) {
    const bool is_text = schema[c].type == Type::text;
    for (std::size_t i = 0; std::byte & byte : table[c].bytes()) {
      const std::uint32_t bits = random.next();
      const std::size_t place = i++ % schema[c].width;
      byte = static_cast<std::byte>(!is_text ? bits & 0x3f : place > i % 7 ? 0U : 'a' + bits % 26);
    }
  }
  return table;
}

inline bool same_bytes(const Table& a, const Table& b) {
  if (a.columns() != b.columns() || a.rows() != b.rows()) return false;
  for (std::size_t c = 0; c < a.columns(); ++c) {
    const Column& other = b.at(a[c].info().name);
    if (a[c].bytes().size() != other.bytes().size() || std::memcmp(a[c].bytes().data(), other.bytes().data(), a[c].bytes().size()) != 0)
      return false;
  }
  return true;
}

}  // namespace skyfold::testing_support
