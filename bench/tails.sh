#!/bin/sh
# tails.sh: the longest times of single calls under several allocators, as CSV on standard output.
#
# Usage:  bench/tails.sh [-t THREADS] [-n OPERATIONS] [-r REPEATS] [NAME=/path/to/library.so ...]
#         The system's malloc is always measured, under the name "system"; every repeat goes through
#         all allocators in turn. Needs a C compiler (gcc, or $CC) and the libraries named.
# Output: one line per run and call under a heading; at the end, on standard error, medians. The
#         maximum is mostly the scheduler's: compare it only where the machine is otherwise idle.

set -eu
# shellcheck source=bench/support/libraries.sh disable=SC1091
. "$(dirname "$0")/support/libraries.sh"

threads=2
operations=3000000
repeats=5

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit "$1"
}

while getopts t:n:r:h option; do
    case $option in
    t) threads=$OPTARG ;;
    n) operations=$OPTARG ;;
    r) repeats=$OPTARG ;;
    h) usage 0 ;;
    *) usage 2 >&2 ;;
    esac
done
shift $((OPTIND - 1))

check_libraries "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"${CC:-gcc}" -O2 -std=gnu11 -Wall -Wextra -fno-builtin-malloc -fno-builtin-free -pthread \
    -o "$work/tails" "$(dirname "$0")/tails.c"

echo "allocator,repeat,call,threads,calls,p50_ns,p99_ns,p99.9_ns,p99.99_ns,max_ns,peak_rss_kib"
repeat=1
while [ "$repeat" -le "$repeats" ]; do
    for pair in system= "$@"; do
        library=${pair#*=}
        LD_PRELOAD=${library:+$(readlink -f "$library")} "$work/tails" "$threads" "$operations" |
            sed "s/^/${pair%%=*},$repeat,/" | tee -a "$work/rows"
    done
    repeat=$((repeat + 1))
done

# Medians of each column: the rows of one allocator and call, sorted by the column, and the middle one.
echo "medians, nanoseconds: p50, p99, p99.9, p99.99, maximum" >&2
for call in malloc free; do
    for pair in system= "$@"; do
        printf '%-8s %-12s' "$call" "${pair%%=*}" >&2
        for column in 6 7 8 9 10; do
            grep "^${pair%%=*},[0-9]*,$call," "$work/rows" | cut -d, -f$column | sort -n |
                sed -n "$((repeats / 2 + 1))p" | tr '\n' ' ' >&2
        done
        echo >&2
    done
done
