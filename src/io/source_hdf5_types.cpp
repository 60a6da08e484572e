// HDF5 types as columns: which are held, and as what; texts and numbers of attributes.
#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_hdf5_storage.hpp"
#include "source_hdf5_types.hpp"

namespace skyfold {
namespace {

constexpr std::size_t longest_text = 65536;  // bytes of a fixed-width text cell

std::string text_of(char* owned) {
  std::string text = owned ? owned : "";
  H5free_memory(owned);
  return text;
}

// --- attributes -----------------------------------------------------------------------------------

/// An attribute that holds one value.
struct Attribute {
  Attribute(hid_t object, const char* name)
      : id(H5Aopen(object, name, H5P_DEFAULT), damaged_hdf5(file_of(object), name)),
        type(H5Aget_type(id), damaged_hdf5(file_of(object), name)),
        space(H5Aget_space(id), damaged_hdf5(file_of(object), name)),
        kind(H5Sget_simple_extent_npoints(space) == 1 ? H5Tget_class(type) : H5T_NO_CLASS) {}

  Hdf5Attribute id;
  Hdf5Type type;
  Hdf5Space space;
  H5T_class_t kind;  ///< none for anything but one value
};

std::string text_value(const Attribute& attribute) {
  // h5py writes texts of any length, PyTables and older programs fixed ones: both occur in one file.
  if (H5Tis_variable_str(attribute.type) > 0) {
    const Hdf5Type memory(H5Tcopy(H5T_C_S1), "no text type");
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(attribute.type));
    char* text = nullptr;
    return H5Aread(attribute.id, memory, &text) < 0 ? "" : text_of(text);
  }
  // A limit, since a damaged attribute may claim any size.
  const std::size_t size = H5Tget_size(attribute.type);
  if (size == 0 || size > longest_text) return "";
  std::string text(size, '\0');
  if (H5Aread(attribute.id, attribute.type, text.data()) < 0) return "";
  text.resize(std::min(text.find('\0'), size));
  return std::string(trim(text));
}

// --- types ----------------------------------------------------------------------------------------

std::string set_integer(hid_t type, H5Column& column) {
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
  if (size > 8) return fmt::format("integers of {} bytes are not supported", size);
  // The smallest of our types that holds every value: unsigned 32-bit numbers need 64.
  if (size == 1 && !is_signed)
    column.info.type = Type::u1;
  else if (size < 4 || (size == 4 && is_signed))
    column.info.type = Type::i4;
  else
    column.info.type = Type::i8;
  column.is_unsigned_64 = size > 4 && !is_signed;
  if (column.is_unsigned_64) column.info.null = missing_i8;
  return "";
}

std::string set_text(hid_t type, H5Column& column) {
  column.info.type = Type::text;
  column.is_variable_text = H5Tis_variable_str(type) > 0;
  column.charset = H5Tget_cset(type);
  column.info.width = column.is_variable_text ? 0 : H5Tget_size(type);
  if (column.info.width > longest_text) return fmt::format("texts of {} bytes are not supported", column.info.width);
  return "";
}

/// True and false, as h5py writes them; no other values.
bool is_boolean(hid_t type) {
  if (H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    std::int8_t value = 0;
    if (H5Tget_member_value(type, i, &value) < 0 || value < 0 || value > 1) return false;
  }
  return true;
}

std::string set_enum(hid_t type, H5Column& column) {
  const Hdf5Type base(H5Tget_super(type), "HDF5: an element type cannot be opened (damaged file?)");
  // Other enumerations are their numbers; what these are called is not kept.
  if (H5Tget_size(type) == 1 && is_boolean(type)) {
    column.info.type = Type::u1;
    return "";
  }
  return set_integer(base, column);
}

std::string set_array(hid_t type, H5Column& column) {
  const Hdf5Type base(H5Tget_super(type), "HDF5: an element type cannot be opened (damaged file?)");
  hsize_t dims[H5S_MAX_RANK] = {};
  const int rank = H5Tget_array_ndims(type);
  if (rank < 1 || rank > H5S_MAX_RANK || H5Tget_array_dims2(type, dims) < 0) return "its array type is damaged";
  hsize_t width = 1;
  // Both factors are bounded, so the product cannot overflow.
  for (int i = 0; i < rank; ++i) width = std::min(width * std::min(dims[i], widest_array), widest_array);
  if (width == 0 || width >= widest_array) return "its arrays are empty or too wide";
  const H5T_class_t kind = H5Tget_class(base);
  const bool is_number = kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM || kind == H5T_BITFIELD;
  // pandas keeps texts in arrays, one for each column of a block: there each element is a column of its own.
  if (!is_number && !column.is_element) return "arrays of its element type are not supported";
  std::string reason = set_type(base, column);
  if (column.is_variable_text) return "arrays of texts of any length are not supported";
  if (!column.is_element) column.info.width = width;
  column.array_dims.assign(dims, dims + rank);
  return reason;
}

hid_t native_type(const H5Column& column) {
  // The library converts between bit fields only: into a number it refuses them.
  if (column.is_bitfield) return H5T_NATIVE_B8;
  switch (column.info.type) {
    case Type::f4:
      return H5T_NATIVE_FLOAT;
    case Type::f8:
      return H5T_NATIVE_DOUBLE;
    case Type::i4:
      return H5T_NATIVE_INT32;
    case Type::i8:
      return column.is_unsigned_64 ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
    default:
      return H5T_NATIVE_UINT8;
  }
}

Hdf5Type in_array(const H5Column& column, Hdf5Type element) {
  if (column.array_dims.empty()) return element;
  const auto rank = static_cast<unsigned>(column.array_dims.size());
  return Hdf5Type(H5Tarray_create2(element, rank, column.array_dims.data()), "HDF5 has no type for column " + column.info.name);
}

}  // namespace

std::string text_attribute(hid_t object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (H5Aexists(object, name) <= 0) continue;
    const Attribute attribute(object, name);
    if (attribute.kind == H5T_STRING) return text_value(attribute);
  }
  return "";
}

std::optional<std::int64_t> integer_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return std::nullopt;
  const Attribute attribute(object, name);
  std::int64_t value = 0;
  std::uint8_t bits = 0;
  if (attribute.kind == H5T_BITFIELD && H5Tget_size(attribute.type) == 1)  // a boolean of PyTables
    return H5Aread(attribute.id, H5T_NATIVE_B8, &bits) < 0 ? std::nullopt : std::optional<std::int64_t>(bits);
  if (attribute.kind != H5T_INTEGER || H5Aread(attribute.id, H5T_NATIVE_INT64, &value) < 0) return std::nullopt;
  return value;
}

std::string set_type(hid_t type, H5Column& column) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return set_integer(type, column);
    case H5T_FLOAT:
      // Half precision becomes f4; what is longer than a double is rounded to one by HDF5.
      column.info.type = H5Tget_size(type) <= 4 ? Type::f4 : Type::f8;
      return "";
    case H5T_STRING:
      return set_text(type, column);
    case H5T_ENUM:
      return set_enum(type, column);
    case H5T_ARRAY:
      return set_array(type, column);
    case H5T_BITFIELD:
      column.info.type = Type::u1;
      column.is_bitfield = true;
      return H5Tget_size(type) == 1 ? "" : "bit fields of several bytes are not supported";
    case H5T_COMPOUND:
      return "compounds inside a group or a compound are not supported";
    case H5T_VLEN:
      return "arrays of varying length are not supported";
    default:
      return "its type is not supported";
  }
}

void set_attributes(hid_t object, ColumnInfo& info) {
  // There is no standard for these names: the first that is there counts.
  info.unit = text_attribute(object, {"unit", "units", "UNIT", "UNITS"});
  info.ucd = text_attribute(object, {"ucd", "UCD"});
  info.description = text_attribute(object, {"description", "DESCRIPTION"});
  // Doubles have NaN; a number that stands for missing among them is for the user's options to say (bands.missing).
  if (info.type != Type::i4 && info.type != Type::i8 && info.type != Type::u1) return;
  if (const auto null = integer_attribute(object, "null")) info.null = null;
  if (const auto null = parse_integer(text_attribute(object, {"null"}))) info.null = *null;  // as skyfold writes it
}

Hdf5Type memory_type(const H5Column& column) {
  const std::string what = "HDF5 has no type for column " + column.info.name;
  if (column.info.type == Type::text) {
    Hdf5Type text(H5Tcopy(H5T_C_S1), what);
    H5Tset_size(text, column.is_variable_text ? H5T_VARIABLE : column.info.width);
    H5Tset_strpad(text, H5T_STR_NULLPAD);
    // As in the file: the library converts no text between character sets, and refuses to read one as the other.
    H5Tset_cset(text, column.charset);
    return in_array(column, std::move(text));
  }
  return in_array(column, Hdf5Type(H5Tcopy(native_type(column)), what));
}

}  // namespace skyfold
