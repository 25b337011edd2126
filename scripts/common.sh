# Sourced by the other scripts: where things go, and how they speak.

REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="$REPO/.cache"
BIN="$CACHE/bin"
mkdir -p "$BIN"

say() { printf '%s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Waits until definitions are served: `established -f FILE…`, `established crd/NAME`. kubectl gives up on one so new that it has no
# conditions yet, and so it is asked again.
established() {
    for _ in $(seq 50); do
        ! kubectl wait --for=condition=Established --timeout=60s "$@" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    kubectl wait --for=condition=Established --timeout=60s "$@"
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# apt-get with root's rights where that is possible without asking for a password; fails otherwise.
as_root() {
    if is_root; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}
