# Wrong values are refused, and the message says what is wrong. Each line: arguments | a part of the message.
refused() {
    local arguments="$1" message="$2" words
    read -ra words <<<"$arguments"
    if helm template forescale "$CHART" --namespace forescale --kube-version "$KUBE_VERSION" "${words[@]}" >"$WORK/out" 2>&1; then
        note FAILED "refused: $arguments" "was accepted"
    elif ! grep -qF -- "$message" "$WORK/out"; then
        note FAILED "refused: $arguments" "the message lacks: $message"
        sed 's/^/    /' "$WORK/out" >&2
    else
        note ok "refused: $arguments" "$message"
    fi
}
while IFS='|' read -r arguments message; do
    case "$arguments" in '' | '#'*) continue ;; esac
    refused "$(sed 's/ *$//' <<<"$arguments")" "$(sed 's/^ *//' <<<"$message")"
done <scripts/chart-tests/refusals.txt
