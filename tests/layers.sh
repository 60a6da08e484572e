#!/usr/bin/env bash
# The order of the layers, checked: a file includes only headers of its own layer and of those below it, and
# third-party headers stay where the architecture puts them. Usage: layers.sh SOURCE_DIR
set -euo pipefail
cd "$1"
declare -A below=(
  [core]="" [sky]="core" [table]="core" [plan]="sky table core"
  [kernels]="plan sky table core" [farm]="plan sky table core" [io]="plan sky table core"
  [catalogue]="farm io plan sky table core" [products]="catalogue farm io plan sky table core"
  [stages]="products catalogue farm kernels io plan sky table core" [cli]="stages core"
)
declare -A only=(
  [mpi.h]="farm io" [hdf5.h]="io" [fitsio.h]="io" [healpix_base.h]="sky" [nanoflann]="sky kernels" [sqlite3.h]="products"
  [Eigen/]="kernels table" [spdlog/]="core" [nlohmann/]="catalogue products stages"
)
bad=0
for layer in "${!below[@]}"; do
  while IFS=: read -r file _ line; do
    used=$(sed -E 's/.*"skyfold\/([a-z]+)\/.*/\1/' <<<"$line")
    case " $layer ${below[$layer]} " in *" $used "*) ;; *) echo "$file includes layer $used, which is not below $layer"; bad=1 ;; esac
  done < <(grep -rn '#include "skyfold/' "src/$layer" "include/skyfold/$layer")
done
for header in "${!only[@]}"; do
  while IFS=: read -r file _; do
    layer=$(cut -d/ -f2 <<<"$file")
    case " ${only[$header]} " in *" $layer "*) ;; *) echo "$file includes $header, which belongs to: ${only[$header]}"; bad=1 ;; esac
  done < <(grep -rnF "$header" src --include='*.cpp' --include='*.hpp' | grep '#include <')
done
public=$(grep -rnE '#include <(mpi|hdf5|fitsio|healpix|nanoflann|sqlite3|Eigen|spdlog|fmt|nlohmann)' include || true)
if [ -n "$public" ]; then echo "third-party headers in public headers: $public"; bad=1; fi
exit $bad
