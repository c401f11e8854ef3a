# shellcheck shell=sh
# libraries.sh: for scripts that compare allocators: checks arguments of the form NAME=/path/to/library.so.
#
# Usage: . libraries.sh; check_libraries "$@". The script has a function `usage`, which ends it.

check_libraries() {
    for pair in "$@"; do
        case $pair in
        ?*=?*) ;;
        *) usage 2 >&2 ;;
        esac
        if [ ! -f "${pair#*=}" ]; then
            echo "$(basename "$0"): no file ${pair#*=}" >&2
            exit 2
        fi
        # The loader only warns about a library it cannot preload.
        if LD_PRELOAD=${pair#*=} env true 2>&1 | grep -q .; then
            echo "$(basename "$0"): ${pair#*=} cannot be preloaded" >&2
            exit 2
        fi
    done
}
