#pragma once

#include <string>
#include <string_view>

/// Who is whose, as the environments of processes say.
namespace skyfold::workflow {

/// The variable by which the programs of an agent are known, whatever else happens to them.
inline constexpr const char* agent_variable = "SKYFOLD_AGENT";

/// Of this process: tells it from every other of this machine, dead or alive.
[[nodiscard]] std::string agent_identity();
/// Ends the programs of dead agents on the pipeline at `home` that live on this machine. @returns their number
int end_orphans(const std::string& home);

/// Whether "NAME=VALUE" is a variable by which an MPI launcher tells a rank who it is. A program that a rank starts is none.
[[nodiscard]] bool is_of_launcher(std::string_view variable) noexcept;

}  // namespace skyfold::workflow
