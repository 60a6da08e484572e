#pragma once

#include <random>
#include <string>

/// Random conditions on columns x, mag (real), big, part, n (whole) and word (text).
namespace skyfold::testing_support {

class ConditionWriter {
 public:
  explicit ConditionWriter(std::mt19937_64& random) : random_(random) {}

  std::string truth(int depth) {
    const int pick = depth == 0 ? 4 : below(10);
    if (pick == 0) return "not (" + truth(depth - 1) + ")";
    if (pick < 3) return "(" + truth(depth - 1) + ") and (" + truth(depth - 1) + ")";
    if (pick < 4) return "(" + truth(depth - 1) + ") or (" + truth(depth - 1) + ")";
    return comparison();
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  template <std::size_t N>
  std::string one_of(const char* const (&names)[N]) {
    return names[random_() % N];
  }

  std::string comparison() {
    static constexpr const char* relations[] = {"<", "<=", ">", ">=", "==", "!="};
    switch (below(10)) {
      case 0:
        return one_of({"x", "mag"}) + " in (" + real_literal() + ", " + real_literal() + ")";
      case 1:
        return one_of({"big", "part", "n"}) + " in (" + whole_literal() + ", " + whole_literal() + ", 3)";
      case 2:
        return "(" + whole(1) + " & " + std::to_string(below(16)) + ")";
      case 3:
        return "missing(" + (below(2) ? whole(1) : real(1)) + ")";
      case 4:
        return "word == 'a'";
      case 5:
        return whole(2) + " " + one_of(relations) + " " + whole(1);
      case 6:
        return real(2) + " " + one_of(relations) + " " + whole(1);
      case 7:
        return whole(1) + " " + one_of(relations) + " " + (below(2) ? whole_literal() : real_literal());
      default:
        return real(2) + " " + one_of(relations) + " " + real_literal();
    }
  }
  std::string whole(int depth) {
    if (depth == 0 || below(3) == 0) return one_of({"big", "part", "n"});
    switch (below(7)) {
      case 0:
        return "(-" + whole(depth - 1) + ")";
      case 1:
        return "abs(" + whole(depth - 1) + ")";
      case 2:
        return "(~" + whole(depth - 1) + ")";
      case 3:
        return "(" + whole(depth - 1) + " >> " + std::to_string(below(20)) + ")";
      case 4:
        return "(" + whole(depth - 1) + " << " + std::to_string(below(64)) + ")";
      default:
        return "(" + whole(depth - 1) + " " + one_of({"+", "-", "*", "&", "|", "^"}) + " " + (below(2) ? whole(0) : whole_literal()) + ")";
    }
  }
  std::string real(int depth) {
    if (depth == 0 || below(3) == 0) return one_of({"x", "mag"});
    switch (below(5)) {
      case 0:
        return "(-" + real(depth - 1) + ")";
      case 1:
        return "abs(" + real(depth - 1) + ")";
      case 2:
        return "(" + real(depth - 1) + " " + one_of({"+", "-", "*", "/"}) + " " + whole(0) + ")";
      default:
        return "(" + real(depth - 1) + " " + one_of({"+", "-", "*", "/"}) + " " + (below(2) ? real(0) : real_literal()) + ")";
    }
  }
  std::string whole_literal() {
    return one_of(
        {"0", "1", "5", "17", "40", "-3", "255", "9007199254740993", "1237648720693755918", "9223372036854775807", "-9223372036854775808"});
  }
  std::string real_literal() {
    return below(3) ? std::to_string(below(6000) * 0.01 - 10.0) : one_of({"0.0", "1e300", "-0.5", "9007199254740993.0", "20.25"});
  }

  std::mt19937_64& random_;
};

}  // namespace skyfold::testing_support
