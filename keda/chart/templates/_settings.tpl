{{/* Forescale's settings: what the user gives under `config`, and what the chart decides. */}}
{{- define "forescale.settings" -}}
{{- $keda := dict "addr" (printf "%s:%d" .Values.listenAddress (int .Values.ports.grpc)) -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "certFile" "/etc/forescale/tls/tls.crt" "keyFile" "/etc/forescale/tls/tls.key" -}}
{{- if .Values.tls.mutual }}{{ $_ := set $tls "clientCaFile" "/etc/forescale/tls/client-ca.crt" }}{{ end -}}
{{- $_ := set $keda "tls" $tls -}}
{{- end -}}
{{- $ours := dict
    "keda" $keda
    "admin" (dict "addr" (printf "%s:%d" .Values.listenAddress (int .Values.ports.http)))
    "knowledge" (dict "dataDir" "/var/lib/forescale")
-}}
{{- if .Values.clusterKnowledge.enabled }}{{ $_ := set $ours "cluster" (dict "enabled" true) }}{{ end -}}
{{- if .Values.operator.enabled -}}
{{- $operator := dict "enabled" true -}}
{{- /* What the operator writes into triggers, unless the user says otherwise. */}}
{{- $said := default dict .Values.config.operator -}}
{{- if not $said.scalerAddress }}{{ $_ := set $operator "scalerAddress" (include "forescale.scalerAddress" .) }}{{ end -}}
{{- if and .Values.triggerAuthentication.enabled (not $said.authentication) -}}
{{- $_ := set $operator "authentication" (dict "name" (include "forescale.triggerAuthentication" .) "kind" .Values.triggerAuthentication.kind) -}}
{{- end -}}
{{- $_ := set $ours "operator" $operator -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}
