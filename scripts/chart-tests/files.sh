# README.md, rules and dashboards of the chart are what they are made from; a chart without rules and dashboards is whole too.
check "the chart's README.md and files/ are current" scripts/chart-files.sh --check
bare="$WORK/bare"
mkdir -p "$bare"
cp -r "$CHART" "$bare/forescale"
rm -rf "$bare/forescale/files"
without_files() {
    helm template forescale "$bare/forescale" --namespace forescale --kube-version "$KUBE_VERSION" --set prometheusRule.enabled=true,grafanaDashboards.enabled=true >"$WORK/without" \
        && ! grep -Eq '^kind: PrometheusRule|-dashboard-' "$WORK/without"
}
check "without files/ there are no rules and no dashboards" without_files
mkdir -p "$bare/forescale/files/dashboards"
# What a rules file has in it: templates of Prometheus, which Helm must leave alone.
cat >"$bare/forescale/files/forescale.rules.yaml" <<'RULES'
# A comment.
groups:
  - name: forescale
    rules:
      - alert: Example
        expr: forescale_loop_lag_seconds > 30
        annotations:
          summary: 'lag of {{ $value | humanizeDuration }} on {{ $labels.instance }}'
RULES
printf '{"title": "{{ not a template }}"}\n' >"$bare/forescale/files/dashboards/example.json"
with_files() {
    helm template forescale "$bare/forescale" --namespace forescale --kube-version "$KUBE_VERSION" --set prometheusRule.enabled=true,grafanaDashboards.enabled=true >"$WORK/with" \
        && grep -qF 'lag of {{ $value | humanizeDuration }} on {{ $labels.instance }}' "$WORK/with" \
        && grep -qF '{"title": "{{ not a template }}"}' "$WORK/with"
}
check "with files/ their own templates stay as they are" with_files
