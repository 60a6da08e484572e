#include <fitsio.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <random>

#include "../sizes.hpp"
#include "duckdb_session.hpp"
#include "source_child.hpp"
#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

constexpr int mutations = 2000;
constexpr int process_mutations = testing_support::sized(600, 150);  // a copy of a process with a sanitizer's memory is slow
constexpr long most_kilobytes = 2 << 20;                             // of memory, at the peak of the whole program

std::string small_fits(const std::string& path) {
  fitsfile* file = nullptr;
  int status = 0;
  const char* names[] = {"ID", "RA", "FLUX", "FLAGS", "NAME", "BITS", "BIG"};
  const char* forms[] = {"K", "D", "3E", "L", "8A", "11X", "J"};
  fits_create_file(&file, ("!" + path).c_str(), &status);
  fits_create_tbl(file, BINARY_TBL, 20, 7, const_cast<char**>(names), const_cast<char**>(forms), nullptr, "T", &status);
  fits_write_key_dbl(file, "TZERO7", 2147483648.0, 10, nullptr, &status);
  fits_write_key_lng(file, "TNULL1", -1, nullptr, &status);
  fits_close_file(file, &status);
  EXPECT_EQ(status, 0);
  return content_of(path);
}

std::string small_csv() {
  std::string text = "# a comment\nid,ra,dec,name,flag\n";
  for (int i = 0; i < 30; ++i)
    text += std::to_string(i) + "," + std::to_string(i * 1.25) + ",-" + std::to_string(i) + ".5e-3,\"a \"\"b\"\"\n, c\",true\n";
  return text;
}

std::string small_ecsv() {
  std::string text =
      "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, unit: deg, datatype: float64, description: 'x, y'}\n"
      "# - name: b\n#   datatype: string\n# meta: {}\na b\n";
  for (int i = 0; i < 30; ++i) text += std::to_string(i) + " \"x y\"\n";
  return text;
}

void write_dataset(hid_t group, const char* name, hid_t type, int rank, const void* data, bool chunked) {
  const hsize_t dims[2] = {40, 3}, chunk[2] = {16, 2};
  const hid_t space = H5Screate_simple(rank, dims, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  if (chunked) {
    H5Pset_chunk(creation, rank, chunk);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 4);
  }
  const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
  const hid_t text = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
  H5Tset_size(text, 4);
  const hid_t attribute = H5Acreate2(dataset, "unit", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, text, "mag");
  H5Aclose(attribute);
  H5Sclose(scalar);
  H5Tclose(text);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
}

std::string small_hdf5(const std::string& path, bool newest_format) {
  std::vector<double> numbers(120, 1.5);
  std::vector<std::int64_t> ids(40, 7);
  const std::vector<const char*> texts(40, "any length");
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (newest_format) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t group = H5Gcreate2(file, "photometry", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t text = H5Tcopy(H5T_C_S1), compound = H5Tcreate(H5T_COMPOUND, 16);
  H5Tset_size(text, H5T_VARIABLE);
  H5Tinsert(compound, "x", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(compound, "y", 8, H5T_NATIVE_INT64);
  write_dataset(group, "id", H5T_NATIVE_INT64, 1, ids.data(), false);
  write_dataset(group, "mag", H5T_NATIVE_DOUBLE, 2, numbers.data(), true);
  write_dataset(group, "ra", H5T_IEEE_F32BE, 1, numbers.data(), true);
  write_dataset(group, "name", text, 1, texts.data(), true);
  write_dataset(file, "records", compound, 1, numbers.data(), true);
  H5Tclose(compound);
  H5Tclose(text);
  H5Gclose(group);
  H5Fclose(file);
  H5Pclose(access);
  return content_of(path);
}

/// One to four flipped bits, a changed byte, a run of equal bytes, or a cut.
std::string mutated(std::string content, std::mt19937_64& random) {
  const auto place = [&] { return random() % content.size(); };
  switch (random() % 8) {
    case 0:
      content.resize(place() + 1);
      break;
    case 1:
      content[place()] = static_cast<char>(random());
      break;
    case 2: {
      const std::size_t begin = place(), count = std::min<std::size_t>(1 + random() % 8, content.size() - begin);
      content.replace(begin, count, count, random() % 2 ? '\xFF' : '\0');
      break;
    }
    default:
      for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
        char& byte = content[place()];
        byte = static_cast<char>(byte ^ (1 << random() % 8));
      }
  }
  return content;
}

/// Reads an input to its end, whatever it is; anything but an `Error` fails.
void read_whatever(const std::string& path, const SourceOptions& o) {
  try {
    const auto source = open_source(path, o);
    std::vector<BadCell> bad;
    Table table(source->schema());
    std::size_t pieces = 0;
    for (const Piece& piece : source->pieces(1000)) {
      source->read(piece, table, bad);
      if (++pieces == 100) break;
    }
  } catch (const Error&) {
  }
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void fuzz(const std::string& content, std::uint64_t seed, const SourceOptions& o = {}, int count = mutations,
          const std::string& selection = {}) {
  const Folder folder;
  std::mt19937_64 random(seed);
  for (int i = 0; i < count; ++i) {
    const std::string path = folder.file("damaged", mutated(content, random)) + selection;
    ASSERT_NO_THROW(read_whatever(path, o)) << "mutation " << i;
    ASSERT_LT(peak_kilobytes(), most_kilobytes) << "mutation " << i;
  }
}

TEST(DamagedInput, OfFitsIsReadOrRefused) {
  const Folder folder;
  fuzz(small_fits(folder.file("t.fits")), 1);
}

/// The same table, tile-compressed by CFITSIO.
std::string compressed_fits(const std::string& plain, const std::string& path) {
  fitsfile *from = nullptr, *to = nullptr;
  int status = 0;
  fits_open_diskfile(&from, plain.c_str(), READONLY, &status);
  fits_create_file(&to, ("!" + path).c_str(), &status);
  fits_copy_hdu(from, to, 0, &status);
  fits_movabs_hdu(from, 2, nullptr, &status);
  fits_compress_table(from, to, &status);
  fits_close_file(from, &status);
  fits_close_file(to, &status);
  EXPECT_EQ(status, 0);
  return content_of(path);
}

std::string gzipped(const std::string& content) {
  std::string packed(content.size() + 1000, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST(DamagedInput, OfGzippedFitsIsReadOrRefused) {
  const Folder folder;
  fuzz(gzipped(small_fits(folder.file("t.fits"))), 7, {}, process_mutations);
}

// CFITSIO crashes on some of these files: in a child process.
TEST(DamagedInput, OfTileCompressedFitsIsReadOrRefused) {
  const Folder folder;
  (void)small_fits(folder.file("t.fits"));
  fuzz(compressed_fits(folder.file("t.fits"), folder.file("z.fits")), 8, {}, process_mutations);
}

// What CFITSIO makes of filters is compared with nothing here: that it ends is the point.
TEST(DamagedInput, OfFitsWithASelectionIsReadOrRefused) {
  const Folder folder;
  fuzz(small_fits(folder.file("t.fits")), 9, {}, process_mutations, "[RA<1 && FLAGS][col ID;X=FLUX[2]+RA]");
}

TEST(DamagedInput, OfCsvIsReadOrRefused) { fuzz(small_csv(), 2); }

TEST(DamagedInput, OfEcsvIsReadOrRefused) { fuzz(small_ecsv(), 3); }

/// Reads damaged files, each in a process of its own; returns how many of those died.
int deaths(const std::string& content, std::uint64_t seed, int count, const std::string& group) {
  const Folder folder;
  SourceOptions o;
  o.group = group;
  std::mt19937_64 random(seed);
  int dead = 0;
  for (int i = 0; i < count; ++i) {
    const std::string path = folder.file("damaged", mutated(content, random));
    const pid_t child = fork();
    if (child == 0) {
      read_whatever(path, o);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) ++dead;
  }
  return dead;
}

// The library itself crashes or loops on about one of forty of these files. The check in a child process catches
// these; what it cannot exclude is memory that is overwritten there without a consequence and here with one.
TEST(DamagedInput, OfHdf5DoesNotBringDownTheReader) {
  const Folder folder;
  const std::string old_format = small_hdf5(folder.file("old.h5"), false), new_format = small_hdf5(folder.file("new.h5"), true);
  const int dead = deaths(old_format, 4, process_mutations, "photometry") + deaths(new_format, 5, process_mutations, "photometry") +
                   deaths(old_format, 6, process_mutations, "records");
  EXPECT_LE(dead, 2);
}

std::string base64(const std::string& bytes) {
  constexpr const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t k = i; k < i + 3; ++k) bits = bits << 8 | (k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U);
    for (int shift = 18; shift >= 0; shift -= 6) text += alphabet[bits >> shift & 63];
  }
  return text;
}

/// Two columns of numbers, a text and an array of any length.
std::string small_votable(bool binary) {
  std::string rows, bytes;
  for (int i = 0; i < 30; ++i) {
    rows += "<TR><TD>" + std::to_string(i) + "</TD><TD>1 2.5</TD><TD>a &lt; b</TD><TD>1 2 3</TD></TR>\n";
    bytes += std::string("\x40\0\0\0\x07", 5) + std::string(16, '\x3F') + std::string("\0\0\0\x02xy", 6) +
             std::string("\0\0\0\x01\0\0\0\x05", 8);
  }
  return "<?xml version=\"1.0\"?>\n<VOTABLE version=\"1.4\"><RESOURCE><TABLE><FIELD name=\"id\" datatype=\"int\"><VALUES "
         "null=\"-1\"/></FIELD>"
         "<FIELD name=\"ra\" datatype=\"double\" arraysize=\"2\" unit=\"deg\"/><FIELD name=\"t\" datatype=\"char\" arraysize=\"*\"/>"
         "<FIELD name=\"n\" datatype=\"int\" arraysize=\"*\"/><DATA>" +
         (binary ? "<BINARY2><STREAM encoding=\"base64\">" + base64(bytes) + "</STREAM></BINARY2>"
                 : "<TABLEDATA>" + rows + "</TABLEDATA>") +
         "</DATA></TABLE></RESOURCE></VOTABLE>";
}

TEST(DamagedInput, OfVotableIsReadOrRefused) {
  const Folder folder;
  for (const bool binary : {false, true}) {
    EXPECT_EQ(read_all(*open_source(folder.file("t.xml", small_votable(binary)), {})).rows(), 30U);
    fuzz(small_votable(binary), 11, {}, process_mutations);
  }
}

/// A table of every kind of column in three row groups, written by DuckDB in a process of its own; "" without DuckDB.
std::string small_parquet(const std::string& path, const char* compression) {
  const auto write = [&] {
    duckdb::Session session;
    session.run(
        "COPY (SELECT range AS id, range / 7.0 AS ra, CASE WHEN range % 5 = 0 THEN NULL ELSE range::FLOAT END AS mag, 'text ' || range % "
        "30 AS name, "
        "range % 2 = 0 AS flag, range::DECIMAL(9,2) AS price, DATE '2026-11-27' AS day, [range, 1] AS list FROM range(5000)) TO '" +
        path + "' (FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION " + compression + ")");
    return std::string();
  };
  try {
    (void)run_in_child(write, "DuckDB crashes");
    return content_of(path);
  } catch (const IoError& error) {
    EXPECT_TRUE(has(error.what(), "libduckdb.so")) << error.what();
    return "";
  }
}

// Above all the end of the file, where the sizes and places of everything else stand.
TEST(DamagedInput, OfParquetIsReadOrRefused) {
  const Folder folder;
  std::mt19937_64 random(10);
  for (const char* compression : {"zstd", "uncompressed"}) {
    const std::string content = small_parquet(folder.file("t.parquet"), compression);
#ifdef SKYFOLD_REQUIRE_ALL_TESTS
    ASSERT_FALSE(content.empty()) << "no libduckdb.so (./bootstrap test fetches it)";
#endif
    if (content.empty()) GTEST_SKIP() << "no libduckdb.so (./bootstrap duckdb fetches it)";
    const std::size_t end = content.size() - std::min<std::size_t>(content.size(), 4000);
    for (int i = 0; i < process_mutations / 3; ++i) {
      const bool at_end = i % 3 != 0;
      const std::string path =
          folder.file("damaged.parquet", at_end ? content.substr(0, end) + mutated(content.substr(end), random) : mutated(content, random));
      ASSERT_NO_THROW(read_whatever(path, {})) << compression << ", mutation " << i;
      ASSERT_LT(peak_kilobytes(), most_kilobytes) << compression << ", mutation " << i;
    }
    // The file as it was is still read, whatever became of the process that read the others.
    const auto source = open_source(folder.file("t.parquet"), {});
    const Table all = read_all(*source);
    ASSERT_EQ(all.rows(), 5000U);
    EXPECT_EQ(all.at("id").values<std::int64_t>()[4999], 4999);
  }
}

}  // namespace

TEST(AChild, ThatIsKilledIsNoDamagedFile) {
  try {
    (void)run_in_child(
        []() -> std::string {
          ::raise(SIGKILL);
          return "";
        },
        "x.h5: is damaged (it crashes)");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_TRUE(std::string_view(error.what()).starts_with("x.h5: cannot be read or written: the process at it was killed"))
        << error.what();
  }
  EXPECT_THROW((void)run_in_child(
                   []() -> std::string {
                     ::raise(SIGSEGV);
                     return "";
                   },
                   "x.h5: is damaged"),
               DataError);
  // A loop without end is ended by the limit of its processor time, which is another signal.
  EXPECT_THROW((void)run_in_child(
                   []() -> std::string {
                     for (std::uint64_t i = 0;; i += 3)
                       if (::getppid() == 0) return std::to_string(i);
                   },
                   "x.h5: is damaged", 1),
               DataError);
}

}  // namespace skyfold
