# The settings that the chart writes are loaded by the program itself, which then answers what the pods of `helm test` ask.
for case in $(cases); do
    if grep -q '^operator:' "$CHART/ci/$case-values.yaml" && ! grep -q '^operator:' docs/forescale.yaml; then
        note skipped "settings of the chart, $case" "this Forescale has no operator"
        continue
    fi
    render "$case" --show-only templates/configmap.yaml | settings_of >"$WORK/$case.settings"
    loaded() { start_forescale <"$WORK/$case.settings"; }
    check "Forescale starts with the chart's settings, $case" loaded
    render "$case" --show-only templates/tests/test.yaml >"$WORK/tests" 2>/dev/null || true
    awk -v out="$WORK/test-" '/^---/ { n++ } { print > (out n ".yaml") }' "$WORK/tests"
    for pod in "$WORK"/test-[0-9].yaml; do
        grep -q '^kind: Pod' "$pod" || continue
        ask() { run_test_pod <"$pod"; }
        check "helm test's $(sed -nE 's/^  name: (.*)/\1/p' "$pod" | head -1) against it, $case" ask
    done
    rm -f "$WORK"/test-[0-9].yaml
    stop_forescale
done
render default --set config.plan.defaultLeadTime=soon --show-only templates/configmap.yaml | settings_of >"$WORK/nonsense.settings"
nonsense() { ! start_forescale <"$WORK/nonsense.settings"; }
check "Forescale refuses nonsense under config" nonsense
check "… and names the key" grep -q 'defaultLeadTime' "$WORK/forescale/log"
