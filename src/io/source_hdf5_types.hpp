#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "source_hdf5_schema.hpp"

/// Attributes and types of HDF5, and what they are as columns.
namespace skyfold {

inline constexpr hsize_t widest_array = hsize_t{1} << 20;  ///< elements of an array cell

/// The first of these attributes that is a text; "" when there is none.
[[nodiscard]] std::string text_attribute(hid_t object, std::initializer_list<const char*> names);
/// An attribute that is one whole number.
[[nodiscard]] std::optional<std::int64_t> integer_attribute(hid_t object, const char* name);

/// Sets type and width of a column; returns the reason when skyfold has no such column.
[[nodiscard]] std::string set_type(hid_t type, H5Column& column);
/// Unit, UCD, description and null value by the attributes of a dataset.
void set_attributes(hid_t object, ColumnInfo& info);

}  // namespace skyfold
