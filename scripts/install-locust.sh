#!/usr/bin/env bash
# Installs Locust into a virtual environment in .cache/locust, at the version of loadtest/demo/requirements.txt.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

wanted="$REPO/loadtest/demo/requirements.txt"
if [ -x "$CACHE/locust/bin/locust" ] && cmp -s "$wanted" "$CACHE/locust/requirements.txt"; then
    exit 0
fi
have python3 || die "Locust needs Python 3.10 or newer" "install python3 and its venv module"
say "locust: installing $(cat "$wanted")"
python3 -m venv "$CACHE/locust"
"$CACHE/locust/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$CACHE/locust/requirements.txt"
