#!/usr/bin/env bash
# Builds the program of the image for one of Docker's architectures, on whatever machine this is:
#
#   scripts/image-target.sh amd64|arm64 triple       prints Rust's name of the target
#   scripts/image-target.sh amd64|arm64 build OUT    puts the files of the image under OUT
set -euo pipefail

case "${1:-}" in
    amd64) triple=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu machine=3e ;;
    arm64) triple=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu machine=b7 ;;
    *)
        echo "error: there is no image for the architecture \`${1:-}\`" >&2
        echo "hint: allowed: amd64, arm64" >&2
        exit 1
        ;;
esac

case "${2:-}" in
    triple)
        echo "$triple"
        exit 0
        ;;
    build) out="${3:?where the files go}" ;;
    *)
        echo "error: write \`triple\` or \`build OUT\`" >&2
        exit 1
        ;;
esac

variable="${triple//-/_}"
export "CC_$variable=$gnu-gcc" "CXX_$variable=$gnu-g++" "AR_$variable=$gnu-ar" "CARGO_TARGET_${variable^^}_LINKER=$gnu-gcc"
cargo build --release --locked --bin forescale --target "$triple"

program="${CARGO_TARGET_DIR:-target}/$triple/release/forescale"
# The program's own header says what it runs on (ELF's e_machine).
found="$(od -An -tx1 -j18 -N1 "$program" | tr -d ' ')"
[ "$found" = "$machine" ] || { echo "error: the program is built for machine 0x$found, $1 is 0x$machine" >&2; exit 1; }

install -D "$program" "$out/usr/local/bin/forescale"
# The image's nobody may write here.
install -d "$out/var/lib/forescale"
chown 65532:65532 "$out/var/lib/forescale"
