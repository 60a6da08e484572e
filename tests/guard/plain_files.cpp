// The four functions of MPI that write rows of products, done by the operating system. MPI lets a program put functions of its own in
// the place of the library's (MPI 3.1, section 14.2); so products can be written without MPI_Init, whose threads and start-up would
// be counted with the work.
#include <fcntl.h>
#include <mpi.h>
#include <unistd.h>

#include <cstddef>

namespace {

int& descriptor_of(MPI_File file) { return *reinterpret_cast<int*>(file); }

}  // namespace

extern "C" {

int MPI_File_open(MPI_Comm, const char* path, int, MPI_Info, MPI_File* file) {
  const int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return MPI_ERR_NO_SUCH_FILE;
  *file = reinterpret_cast<MPI_File>(new int(descriptor));
  return MPI_SUCCESS;
}

int MPI_File_close(MPI_File* file) {
  close(descriptor_of(*file));
  delete &descriptor_of(*file);
  *file = MPI_FILE_NULL;
  return MPI_SUCCESS;
}

int MPI_File_write_at(MPI_File file, MPI_Offset offset, const void* bytes, int count, MPI_Datatype, MPI_Status* status) {
  status->MPI_TAG = static_cast<int>(pwrite(descriptor_of(file), bytes, static_cast<std::size_t>(count), offset));
  return status->MPI_TAG == count ? MPI_SUCCESS : MPI_ERR_IO;
}

int MPI_Get_count(const MPI_Status* status, MPI_Datatype, int* count) {
  *count = status->MPI_TAG;
  return MPI_SUCCESS;
}

}  // extern "C"
