# Every object is validated by the API server, warnings are errors; the bare chart with rules and dashboards too.
dry_run() { kubectl apply --dry-run=server --warnings-as-errors -f "$1"; }
for case in $(cases); do
    render "$case" >"$WORK/$case.yaml"
    check "API server accepts the chart, $case ($(grep -c '^kind:' "$WORK/$case.yaml") objects)" dry_run "$WORK/$case.yaml"
done
if [ -f "$WORK/with" ]; then check "API server accepts the chart, rules and dashboards" dry_run "$WORK/with"; fi
# Nothing here is OpenShift's: what it would change or refuse beside this is not seen.
helm template forescale "$CHART" --namespace forescale --kube-version "$KUBE_VERSION" -f "$CHART/openshift-values.yaml" >"$WORK/openshift.yaml"
check "API server accepts the chart with the values for OpenShift" dry_run "$WORK/openshift.yaml"
documented "# forescale-values.yaml" >"$WORK/documented-values.yaml"
helm template forescale "$CHART" --namespace forescale --kube-version "$KUBE_VERSION" -f "$WORK/documented-values.yaml" >"$WORK/documented.yaml"
check "API server accepts the chart with the values of docs/install.md" dry_run "$WORK/documented.yaml"
