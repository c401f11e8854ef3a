#!/bin/sh
# scaling.sh: throughput of 1 to 16 threads under several allocators, as CSV on standard output.
#
# Usage:  bench/scaling.sh [-t "1 2 4 8 16"] [-n OPERATIONS] [-r REPEATS]
#                          [-p "larson xmalloc random"] [NAME=/path/to/library.so ...]
#         The system's malloc is always measured, under the name "system". Needs a C compiler
#         (gcc, or $CC) and the libraries named, nothing else; every repeat goes through all
#         allocators in turn.
# Output: one line per run under a heading; at the end, on standard error, the best rate of each.

set -eu
# shellcheck source=bench/support/libraries.sh disable=SC1091
. "$(dirname "$0")/support/libraries.sh"

threads="1 2 4 8 12 16"
operations=10000000
repeats=3
patterns="larson xmalloc random"

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit "$1"
}

while getopts t:n:r:p:h option; do
    case $option in
    t) threads=$OPTARG ;;
    n) operations=$OPTARG ;;
    r) repeats=$OPTARG ;;
    p) patterns=$OPTARG ;;
    h) usage 0 ;;
    *) usage 2 >&2 ;;
    esac
done
shift $((OPTIND - 1))

check_libraries "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"${CC:-gcc}" -O2 -std=gnu11 -Wall -Wextra -fno-builtin-malloc -fno-builtin-calloc \
    -fno-builtin-free -pthread -o "$work/scaling" "$(dirname "$0")/scaling.c"

# Runs one row and prints it; the library is in the environment of the measured program alone.
row() {
    name=$1
    library=$2
    shift 2
    if [ -n "$library" ]; then
        line=$(LD_PRELOAD=$library "$work/scaling" "$@")
    else
        line=$("$work/scaling" "$@")
    fi
    echo "$name,$repeat,$line" | tee -a "$work/rows"
}

header=allocator,repeat,pattern,threads,operations,seconds,cpu_seconds
echo "$header,mops_per_second,mops_per_thread,peak_rss_kib"
repeat=1
while [ "$repeat" -le "$repeats" ]; do
    for pattern in $patterns; do
        for count in $threads; do
            if [ "$pattern" = xmalloc ] && [ $((count % 2)) -ne 0 ]; then
                continue # its threads come in pairs
            fi
            row system "" "$pattern" "$count" "$operations"
            for pair in "$@"; do
                row "${pair%%=*}" "$(readlink -f "${pair#*=}")" "$pattern" "$count" "$operations"
            done
        done
    done
    repeat=$((repeat + 1))
done

echo "best million operations per second and thread:" >&2
awk -F, '
    { key = $3 "," $4 "," $1; if ($9 > best[key]) { best[key] = $9 } }
    END { for (key in best) { split(key, part, ",");
          printf "%-8s %3d threads  %-12s %8.3f\n", part[1], part[2], part[3], best[key] } }
' "$work/rows" | sort -k1,1 -k2,2n -k5,5nr >&2
