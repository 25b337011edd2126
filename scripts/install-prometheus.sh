#!/usr/bin/env bash
# Puts `prometheus` and `promtool` into .cache/bin for the integration tests.
#
# They come from Debian's package, which is unpacked into .cache/ and not installed: no service is started or left
# behind, nothing of the system changes, and it works without root as long as apt's package lists are there.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

if [ -x "$BIN/prometheus" ] && [ -x "$BIN/promtool" ] && "$BIN/prometheus" --version >/dev/null 2>&1; then
    exit 0
fi
if have prometheus && have promtool; then
    ln -sf "$(command -v prometheus)" "$BIN/prometheus"
    ln -sf "$(command -v promtool)" "$BIN/promtool"
    say "prometheus: using $(command -v prometheus)"
    exit 0
fi
have apt-get || die "the integration tests need \`prometheus\` and \`promtool\`, and there is no apt-get to fetch them with" \
    "put both on the PATH (version 2.40 or newer), then run this again"

candidate() { apt-cache policy prometheus 2>/dev/null | awk '/Candidate:/ { print $2 }'; }

if [ -z "$(candidate)" ] || [ "$(candidate)" = "(none)" ]; then
    say "prometheus: reading Debian's package lists"
    as_root apt-get update -qq || die "apt's package lists are missing and only root can read them in" \
        "run \`apt-get update\` as root once, or put \`prometheus\` and \`promtool\` on the PATH"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
say "prometheus: fetching Debian's package $(candidate)"
fetch() { (cd "$work" && apt-get download -qq prometheus 2>"$work/log"); }
if ! fetch; then
    # The lists may be older than the archive: read them in anew and try once more.
    as_root apt-get update -qq || true
    fetch || { cat "$work/log" >&2; die "apt-get could not download the package \`prometheus\`" \
        "put \`prometheus\` and \`promtool\` on the PATH instead"; }
fi
dpkg-deb --extract "$work"/prometheus_*.deb "$work/tree"
install -m 755 "$work/tree/usr/bin/prometheus" "$work/tree/usr/bin/promtool" "$BIN/"
"$BIN/prometheus" --version 2>&1 | head -1 >&2
