#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../../network/inputs.hpp"
#include "estimates.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {

/// Sends the objects of a block through nets, chunk by chunk on threads. Those without any band have no estimate.
///
/// @param features  of the block, as the layer of `inputs` gathers them
/// @param make      the buffers of a thread, as a unique_ptr; they have input(), to be filled for a chunk, and run()
/// @param estimate  (row, place in the chunk, flags that the photometry tells, buffers); fills all but n_bands
template <class Make, class Estimate>
void estimate_by_networks(const network::Inputs& inputs, const Photometry& photometry, const Features& features,
                          const EstimateColumns& output, int threads, const Make& make, const Estimate& estimate) {
  constexpr std::size_t chunks_per_task = 16;
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < photometry.n_objects; ++row) {
    if (photometry.observed[row] != 0)
      rows.push_back(row);
    else
      output.set_missing(row, 0, photoz_missing_band | photoz_no_band);
  }
  std::vector<decltype(make())> buffers(static_cast<std::size_t>(threads));
  parallel_for(rows.size(), chunks_per_task * network::chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& mine = buffers[static_cast<std::size_t>(thread)];
    if (!mine) mine = make();
    for (; begin < end; begin += network::chunk) {
      const auto some = std::span<const std::uint32_t>(rows).subspan(begin, std::min(network::chunk, end - begin));
      inputs.fill(features, photometry.observed, some, mine->input());
      mine->run();
      for (std::size_t place = 0; place < some.size(); ++place) {
        output.n_bands[some[place]] = std::popcount(photometry.observed[some[place]]);
        estimate(some[place], place, inputs.flags(photometry, features, some[place]), *mine);
      }
    }
  });
}

}  // namespace skyfold
