// The exception that is being handled, as an exit code and a message: threads and ranks pass these on, not exceptions.
#include "skyfold/core/failure.hpp"

#include <exception>
#include <new>
#include <system_error>

namespace skyfold {

Failure current_failure() noexcept {
  try {
    // Called within a handler: thrown again, so that one place tells the types apart, from the special to the general.
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ExitCode::io, "out of memory"};
  } catch (const std::system_error& error) {  // of the file system, of threads, of writing to a full disk or a closed pipe
    return {ExitCode::io, error.what()};
  } catch (const std::exception& error) {
    return {ExitCode::bug, error.what()};
  } catch (...) {  // e.g. of healpix_cxx
    return {ExitCode::bug, "unknown exception"};
  }
}

}  // namespace skyfold
