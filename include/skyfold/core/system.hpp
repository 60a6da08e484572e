#pragma once

#include <cstdint>
#include <string>

namespace skyfold {

[[nodiscard]] std::string host_name();
/// Name of the user of this process, or the number where it has none.
[[nodiscard]] std::string user_name();
/// Processors of this machine, whoever may use them.
[[nodiscard]] int processor_count() noexcept;
/// Largest resident memory that this process has had.
[[nodiscard]] std::int64_t peak_memory_bytes() noexcept;
/// Seconds since 1970-01-01 UTC.
[[nodiscard]] double unix_time_s() noexcept;
/// Unix time as "2026-03-01 12:00:00" (UTC).
[[nodiscard]] std::string utc_text(double unix_time_s);
/// The same as ISO 8601 has it: "2026-03-01T12:00:00Z".
[[nodiscard]] std::string iso_text(double unix_time_s);

}  // namespace skyfold
