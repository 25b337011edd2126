#!/usr/bin/env bash
# Everything the tests need beside Rust. Run any number of times: what is there already is left alone.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

have cargo || die "there is no \`cargo\` on the PATH: Forescale is built with Rust 1.95 or newer" \
    "install rustup (from rustup.rs, or Debian 13's package \`rustup\`), then run \`rustup default stable\`"

if ! have cc; then
    say "a C compiler is needed to build the TLS library, installing Debian's gcc"
    install_cc() { as_root apt-get install -y -qq --no-install-recommends gcc libc6-dev make >/dev/null; }
    install_cc 2>/dev/null || { as_root apt-get update -qq && install_cc; } \
        || die "there is no C compiler on the PATH" "run \`apt-get install gcc libc6-dev make\` as root"
fi

# What the commands of docs/debugging.md use.
for tool in curl jq; do
    have "$tool" && continue
    say "$tool: installing Debian's"
    as_root apt-get install -y -qq --no-install-recommends "$tool" >/dev/null 2>&1 \
        || { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "$tool" >/dev/null; } \
        || die "there is no \`$tool\` on the PATH" "run \`apt-get install $tool\` as root"
done

"$REPO/scripts/install-prometheus.sh"
"$REPO/scripts/install-grpcurl.sh"
"$REPO/scripts/fetch-onnxruntime.sh"
say "test tools are ready in ${BIN#"$REPO/"}"
