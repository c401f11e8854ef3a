#!/bin/sh
# churn.sh: resident memory while objects of mixed lifetimes come and go for minutes, under several
#           allocators, as CSV on standard output.
#
# Usage:  bench/churn.sh [-t THREADS] [-s SECONDS] [-n OPERATIONS] [-r REPEATS] [-p] [-o FOLDER]
#                        [NAME=/path/to/library.so ...]
#         -n: operations of each thread per second. -p: all allocators at the same time instead of in
#         turn (they share the processors: look at late_ms). -o: one file per run with the live and
#         resident bytes of each second. The system's malloc is always measured, under the name
#         "system". Needs a C compiler (gcc, or $CC) and the libraries named.
# Output: one line per run under a heading: resident / live after the first tenth (mean and worst) and
#         at the end, CPU seconds, and how late the pace was at worst; at the end, on standard error,
#         medians.

set -eu
# shellcheck source=bench/support/libraries.sh disable=SC1091
. "$(dirname "$0")/support/libraries.sh"

threads=2
seconds=600
operations=200000
repeats=1
together=
folder=

usage() {
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit "$1"
}

while getopts t:s:n:r:po:h option; do
    case $option in
    t) threads=$OPTARG ;;
    s) seconds=$OPTARG ;;
    n) operations=$OPTARG ;;
    r) repeats=$OPTARG ;;
    p) together=yes ;;
    o) folder=$OPTARG ;;
    h) usage 0 ;;
    *) usage 2 >&2 ;;
    esac
done
shift $((OPTIND - 1))

check_libraries "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What runs ends with the script.
started=
trap 'kill $started 2>/dev/null; exit 1' INT TERM
"${CC:-gcc}" -O2 -std=gnu11 -Wall -Wextra -fno-builtin-malloc -fno-builtin-free -pthread \
    -o "$work/churn" "$(dirname "$0")/churn.c" -lm
if [ -n "$folder" ]; then
    mkdir -p "$folder"
fi

# run NAME LIBRARY: one run in place of this shell, its line in a file of its own.
run() {
    LD_PRELOAD=${2:+$(readlink -f "$2")}
    export LD_PRELOAD
    exec "$work/churn" "$threads" "$seconds" "$operations" \
        ${folder:+"$folder/$1-$repeat.csv"} >"$work/$1.line"
}

# finish NAME: prints the line of a run.
finish() {
    sed "s/^/$1,$repeat,/" "$work/$1.line" | tee -a "$work/rows"
}

header=allocator,repeat,threads,seconds,operations_per_second,mean_live_mib
echo "$header,mean_ratio,worst_ratio,final_ratio,cpu_seconds,late_ms"
repeat=1
while [ "$repeat" -le "$repeats" ]; do
    started=
    for pair in system= "$@"; do
        run "${pair%%=*}" "${pair#*=}" &
        started="$started $!"
        if [ -z "$together" ]; then
            wait "$!"
            started=
            finish "${pair%%=*}"
        fi
    done
    for pid in $started; do
        wait "$pid"
    done
    if [ -n "$together" ]; then
        for pair in system= "$@"; do
            finish "${pair%%=*}"
        done
    fi
    repeat=$((repeat + 1))
done

echo "medians: mean live MiB; resident / live: mean, worst, at the end; CPU seconds" >&2
for pair in system= "$@"; do
    printf '%-12s' "${pair%%=*}" >&2
    for column in 6 7 8 9 10; do
        grep "^${pair%%=*}," "$work/rows" | cut -d, -f$column | sort -n |
            sed -n "$((repeats / 2 + 1))p" | tr '\n' ' ' >&2
    done
    echo >&2
done
