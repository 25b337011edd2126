# `helm lint --strict` with each set of values, those for OpenShift too, and once packed.
for case in $(cases); do
    check "helm lint --strict, $case" helm lint --strict --quiet "$CHART" -f "$CHART/ci/$case-values.yaml"
done
check "helm lint --strict, openshift" helm lint --strict --quiet "$CHART" -f "$CHART/openshift-values.yaml"
check "helm package" helm package "$CHART" --destination "$WORK"
