// Libraries that were not built with the thread sanitizer (MPI, HDF5) are not its business.
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
