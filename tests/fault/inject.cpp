// A library to preload (LD_PRELOAD): it counts the system calls on files below a folder, and makes one of them fail or
// stop short. Configured by the environment:
//   INJECT_BELOW   folder, absolute; calls on other files are left alone
//   INJECT_CALL    number of the call that fails, from 1; 0: none
//   INJECT_WITH    EIO, ENOSPC, EINTR, ... or SHORT (half of what was asked for)
//   INJECT_ALWAYS  set: all later calls of the same kind fail, too, as on a disk that stays full
//   INJECT_LOG     file that gets a line "number kind path" for each call
// The count is shared with forked children; programs that are started from the process are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct Error {
  const char* name;
  int number;
};
constexpr Error errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT}, {"EACCES", EACCES}};

char below[4096];
long wanted = 0;
int with = 0;  // an errno, or 0 for SHORT
bool always = false;
int log_descriptor = -1;
std::atomic<long>* count = nullptr;
char failed_kind[16] = {};

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}
#define REAL(name) static const auto call = real<decltype(&::name)>(#name)

__attribute__((constructor)) void start() {
  const char* folder = std::getenv("INJECT_BELOW");
  if (!folder) return;
  std::snprintf(below, sizeof below, "%s/", folder);
  if (const char* text = std::getenv("INJECT_CALL")) wanted = std::atol(text);
  if (const char* text = std::getenv("INJECT_WITH"))
    for (const Error& error : errors)
      if (std::strcmp(error.name, text) == 0) with = error.number;
  always = std::getenv("INJECT_ALWAYS") != nullptr;
  if (const char* path = std::getenv("INJECT_LOG"))
    log_descriptor = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  void* shared = mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  count = new (shared) std::atomic<long>(0);
  unsetenv("LD_PRELOAD");
}

bool is_below(const char* path) { return std::strncmp(path, below, std::strlen(below)) == 0; }

/// Counts a call; whether it is the one.
bool is_chosen(const char* kind, const char* path) {
  if (!count || !is_below(path)) return false;
  const int kept = errno;
  const long number = ++*count;
  if (log_descriptor >= 0) {
    char line[4300];
    const int size = std::snprintf(line, sizeof line, "%ld %s %s\n", number, kind, path);
    (void)!syscall(SYS_write, log_descriptor, line, static_cast<std::size_t>(size));
  }
  errno = kept;
  if (number == wanted) {
    std::snprintf(failed_kind, sizeof failed_kind, "%s", kind);
    return true;
  }
  return always && wanted > 0 && number > wanted && std::strcmp(failed_kind, kind) == 0;
}

bool is_chosen(const char* kind, int descriptor) {
  if (!count || descriptor < 0 || descriptor == log_descriptor) return false;
  const int kept = errno;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = kept;
  if (size <= 0) return false;
  path[size] = '\0';
  return is_chosen(kind, path);
}

/// Relative paths count by the working folder.
bool is_chosen_at(const char* kind, int folder, const char* path) {
  if (!count || !path) return false;
  if (path[0] == '/') return is_chosen(kind, path);
  char whole[8200], base[4096];
  if (folder == AT_FDCWD) {
    if (!getcwd(base, sizeof base)) return false;
  } else {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    const ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
    if (size <= 0) return false;
    base[size] = '\0';
  }
  std::snprintf(whole, sizeof whole, "%s/%s", base, path);
  return is_chosen(kind, whole);
}

int fail() {
  errno = with;
  return -1;
}

/// Half of what was asked for, at least one byte, where SHORT is wanted; -1 for an error.
ssize_t shortened(std::size_t bytes) { return with == 0 ? static_cast<ssize_t>(bytes > 1 ? bytes / 2 : bytes) : -1; }

template <class Call>
ssize_t transfer(const char* kind, int descriptor, std::size_t bytes, const Call& call) {
  if (!is_chosen(kind, descriptor)) return call(bytes);
  const ssize_t size = shortened(bytes);
  return size < 0 ? fail() : call(static_cast<std::size_t>(size));
}

}  // namespace

extern "C" {

ssize_t write(int d, const void* p, size_t n) {
  REAL(write);
  return transfer("write", d, n, [&](size_t size) { return call(d, p, size); });
}
ssize_t pwrite(int d, const void* p, size_t n, off_t at) {
  REAL(pwrite);
  return transfer("write", d, n, [&](size_t size) { return call(d, p, size, at); });
}
ssize_t pwrite64(int d, const void* p, size_t n, off64_t at) {
  REAL(pwrite64);
  return transfer("write", d, n, [&](size_t size) { return call(d, p, size, at); });
}
ssize_t writev(int d, const iovec* parts, int n) {
  REAL(writev);
  if (!is_chosen("write", d)) return call(d, parts, n);
  if (with != 0) return fail();
  return ::syscall(SYS_write, d, parts[0].iov_base, parts[0].iov_len > 1 ? parts[0].iov_len / 2 : parts[0].iov_len);
}
ssize_t read(int d, void* p, size_t n) {
  REAL(read);
  return transfer("read", d, n, [&](size_t size) { return call(d, p, size); });
}
ssize_t pread(int d, void* p, size_t n, off_t at) {
  REAL(pread);
  return transfer("read", d, n, [&](size_t size) { return call(d, p, size, at); });
}
ssize_t pread64(int d, void* p, size_t n, off64_t at) {
  REAL(pread64);
  return transfer("read", d, n, [&](size_t size) { return call(d, p, size, at); });
}
int fsync(int d) {
  REAL(fsync);
  return is_chosen("sync", d) && with != 0 ? fail() : call(d);
}
int fdatasync(int d) {
  REAL(fdatasync);
  return is_chosen("sync", d) && with != 0 ? fail() : call(d);
}
int close(int d) {
  REAL(close);
  if (!is_chosen("close", d) || with == 0) return call(d);
  (void)call(d);  // the system releases the descriptor in any case
  return fail();
}
int ftruncate(int d, off_t n) {
  REAL(ftruncate);
  return is_chosen("truncate", d) && with != 0 ? fail() : call(d, n);
}
int ftruncate64(int d, off64_t n) {
  REAL(ftruncate64);
  return is_chosen("truncate", d) && with != 0 ? fail() : call(d, n);
}
int posix_fallocate(int d, off_t at, off_t n) {
  REAL(posix_fallocate);
  return is_chosen("fallocate", d) && with != 0 ? with : call(d, at, n);
}
int posix_fallocate64(int d, off64_t at, off64_t n) {
  REAL(posix_fallocate64);
  return is_chosen("fallocate", d) && with != 0 ? with : call(d, at, n);
}
int fallocate(int d, int mode, off_t at, off_t n) {
  REAL(fallocate);
  return is_chosen("fallocate", d) && with != 0 ? fail() : call(d, mode, at, n);
}

#define OPEN(name, kind)                                                                       \
  int name(const char* path, int flags, ...) {                                                 \
    static const auto call = real<int (*)(const char*, int, ...)>(#name);                      \
    va_list more;                                                                              \
    va_start(more, flags);                                                                     \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;       \
    va_end(more);                                                                              \
    return is_chosen_at(kind, AT_FDCWD, path) && with != 0 ? fail() : call(path, flags, mode); \
  }
OPEN(open, (flags & O_CREAT) != 0 ? "create" : "open")
OPEN(open64, (flags & O_CREAT) != 0 ? "create" : "open")
#define OPENAT(name, kind)                                                                           \
  int name(int folder, const char* path, int flags, ...) {                                           \
    static const auto call = real<int (*)(int, const char*, int, ...)>(#name);                       \
    va_list more;                                                                                    \
    va_start(more, flags);                                                                           \
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;             \
    va_end(more);                                                                                    \
    return is_chosen_at(kind, folder, path) && with != 0 ? fail() : call(folder, path, flags, mode); \
  }
OPENAT(openat, (flags & O_CREAT) != 0 ? "create" : "open")
OPENAT(openat64, (flags & O_CREAT) != 0 ? "create" : "open")

int rename(const char* from, const char* to) {
  REAL(rename);
  return is_chosen_at("rename", AT_FDCWD, to) && with != 0 ? fail() : call(from, to);
}
int renameat(int a, const char* from, int b, const char* to) {
  REAL(renameat);
  return is_chosen_at("rename", b, to) && with != 0 ? fail() : call(a, from, b, to);
}
int link(const char* from, const char* to) {
  REAL(link);
  return is_chosen_at("link", AT_FDCWD, to) && with != 0 ? fail() : call(from, to);
}
int unlink(const char* path) {
  REAL(unlink);
  return is_chosen_at("unlink", AT_FDCWD, path) && with != 0 ? fail() : call(path);
}
int unlinkat(int folder, const char* path, int flags) {
  REAL(unlinkat);
  return is_chosen_at("unlink", folder, path) && with != 0 ? fail() : call(folder, path, flags);
}
int mkdir(const char* path, mode_t mode) {
  REAL(mkdir);
  return is_chosen_at("mkdir", AT_FDCWD, path) && with != 0 ? fail() : call(path, mode);
}
int rmdir(const char* path) {
  REAL(rmdir);
  return is_chosen_at("rmdir", AT_FDCWD, path) && with != 0 ? fail() : call(path);
}

}  // extern "C"
