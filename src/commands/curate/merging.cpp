// Which detections are of one object, and which of them is primary where detectors overlap: by numbers alone, in order of id.
#include "merging.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>

#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

bool has_position(const PlacedDetection& d) {
  return std::isfinite(d.ra) && std::isfinite(d.dec) && d.ra >= -360.0 && d.ra <= 360.0 && std::abs(d.dec) <= 90.0;
}

/// Goes through the frames in order; what begins an object is known by having its id.
class HandshakeMerger {
 public:
  HandshakeMerger(std::vector<PlacedDetection>& all, double radius_arcsec, int threads)
      : all_(all), places_(places_of(all)), index_(values(&PlacedDetection::ra), values(&PlacedDetection::dec), radius_arcsec, threads) {}

  void run() {
    for (std::size_t begin = 0; begin < places_.size();) {
      std::size_t end = begin + 1;
      while (end < places_.size() && at(end).frame == at(begin).frame) ++end;
      merge_frame(begin, end);
      begin = end;
    }
  }

 private:
  struct Nearest {
    double separation = std::numeric_limits<double>::infinity();
    std::size_t place = 0;
    bool operator<(const Nearest& other) const {
      return separation < other.separation || (separation == other.separation && place < other.place);
    }
  };

  static std::vector<std::size_t> places_of(const std::vector<PlacedDetection>& all) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (has_position(all[i])) places.push_back(i);
    return places;
  }
  std::vector<double> values(double PlacedDetection::*value) const {
    std::vector<double> values;
    for (const std::size_t place : places_) values.push_back(all_[place].*value);
    return values;
  }
  PlacedDetection& at(std::size_t place) const { return all_[places_[place]]; }

  /// Nearest of each side; of two that are equally near the earlier one.
  void merge_frame(std::size_t begin, std::size_t end) {
    std::unordered_map<std::size_t, Nearest> nearest_detection;  // of an object's first detection
    std::vector<Nearest> nearest_object(end - begin);
    for (std::size_t place = begin; place < end; ++place) {
      found_.clear();
      index_.find(at(place).ra, at(place).dec, found_);
      Nearest& object = nearest_object[place - begin];
      for (const SkyIndex::Found& found : found_) {
        if (found.object >= begin || at(found.object).object_id != at(found.object).id) continue;
        const Nearest candidate{found.separation_arcsec, found.object};
        if (candidate < object) object = candidate;
        Nearest& detection = nearest_detection[found.object];
        if (found.separation_arcsec < detection.separation) detection = {found.separation_arcsec, place};
      }
    }
    for (std::size_t place = begin; place < end; ++place) {
      const Nearest& object = nearest_object[place - begin];
      const bool is_mutual = std::isfinite(object.separation) && nearest_detection[object.place].place == place;
      at(place).object_id = is_mutual ? at(object.place).id : at(place).id;
    }
  }

  std::vector<PlacedDetection>& all_;
  std::vector<std::size_t> places_;  ///< of detections with valid positions
  SkyIndex index_;
  std::vector<SkyIndex::Found> found_;
};

}  // namespace

void find_objects(std::vector<PlacedDetection>& detections, double radius_arcsec, int threads) {
  HandshakeMerger(detections, radius_arcsec, threads).run();
}

void seam_overlaps(std::vector<PlacedDetection>& detections, const std::vector<DetectorFrame>& frames) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < detections.size(); ++i)
    if (detections[i].object_id >= 0) order.push_back(i);
  const auto key = [&](std::size_t i) {
    const DetectorFrame& frame = frames[detections[i].frame];
    return std::tie(detections[i].object_id, frame.filter, frame.night);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  const auto edge_of = [&](std::size_t i) {
    return std::isnan(detections[i].edge) ? -std::numeric_limits<float>::infinity() : detections[i].edge;
  };
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    std::size_t best = order[begin];
    bool overlap = false;
    for (end = begin; end < order.size() && key(order[end]) == key(order[begin]); ++end) {
      overlap = overlap || frames[detections[order[end]].frame].extension != frames[detections[order[begin]].frame].extension;
      if (edge_of(order[end]) > edge_of(best)) best = order[end];
    }
    for (std::size_t i = begin; overlap && i < end; ++i) {
      PlacedDetection& detection = detections[order[i]];
      detection.is_primary = frames[detection.frame].extension == frames[detections[best].frame].extension;
      detection.pri_or_sec = detections[best].id;
    }
  }
}

}  // namespace skyfold
