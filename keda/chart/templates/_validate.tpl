{{/* What the schema can't say: values that contradict one another. Every mistake is named at once. */}}
{{- define "forescale.validate" -}}
{{- $mistakes := list -}}
{{- $taken := dict "keda.addr" "listenAddress and ports.grpc" "admin.addr" "listenAddress and ports.http"
      "keda.tls.certFile" "tls" "keda.tls.keyFile" "tls" "keda.tls.clientCaFile" "tls.mutual"
      "knowledge.dataDir" "persistence" "operator.enabled" "operator.enabled, which brings its rights"
      "operator.verticalApply" "operator.verticalApply, which brings its rights" "cluster.enabled" "clusterKnowledge.enabled, which brings its rights" -}}
{{- range $path, $instead := $taken -}}
{{- $at := $.Values.config -}}
{{- range splitList "." $path -}}
{{- if kindIs "map" $at }}{{ $at = index $at . }}{{ else }}{{ $at = "" }}{{ end -}}
{{- end -}}
{{- if not (or (kindIs "invalid" $at) (eq (toString $at) "")) -}}
{{- $mistakes = append $mistakes (printf "`config.%s` is set by the chart: use the value `%s`" $path $instead) -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.ports.grpc) (int .Values.ports.http) -}}
{{- $mistakes = append $mistakes (printf "`ports.grpc` and `ports.http` are both %d: give them different ports" (int .Values.ports.grpc)) -}}
{{- end -}}
{{- if gt (add (int .Values.preStopSleepSeconds) 15) (int .Values.terminationGracePeriodSeconds) -}}
{{- $mistakes = append $mistakes (printf "`terminationGracePeriodSeconds` is %d: it must be at least `preStopSleepSeconds` + 15 = %d, or pods are killed while they drain" (int .Values.terminationGracePeriodSeconds) (add (int .Values.preStopSleepSeconds) 15)) -}}
{{- end -}}
{{- $tls := .Values.tls -}}
{{- if $tls.enabled -}}
{{- if and (not $tls.existingSecret) (not $tls.certManager.enabled) -}}
{{- $mistakes = append $mistakes "`tls.enabled` needs certificates: name a Secret in `tls.existingSecret`, or set `tls.certManager.enabled`" -}}
{{- end -}}
{{- if and $tls.existingSecret $tls.certManager.enabled -}}
{{- $mistakes = append $mistakes "`tls.existingSecret` and `tls.certManager.enabled` exclude one another" -}}
{{- end -}}
{{- if and $tls.certManager.enabled (not $tls.certManager.generateCA) (not $tls.certManager.issuerRef.name) -}}
{{- $mistakes = append $mistakes "`tls.certManager` needs an issuer: name it in `tls.certManager.issuerRef.name`, or set `tls.certManager.generateCA`" -}}
{{- end -}}
{{- $elsewhere := and $tls.certManager.client.namespace (ne $tls.certManager.client.namespace .Release.Namespace) -}}
{{- if and (include "forescale.makesClientCertificate" .) $elsewhere (or $tls.certManager.generateCA (eq $tls.certManager.issuerRef.kind "Issuer")) -}}
{{- $mistakes = append $mistakes (printf "`tls.certManager.client.namespace` is `%s`, where an issuer of the namespace `%s` makes no certificates: use a ClusterIssuer in `tls.certManager.issuerRef` with `generateCA: false`, or leave it empty" $tls.certManager.client.namespace .Release.Namespace) -}}
{{- end -}}
{{- else -}}
{{- if or $tls.mutual $tls.existingSecret $tls.certManager.enabled -}}
{{- $mistakes = append $mistakes "`tls.mutual`, `tls.existingSecret` and `tls.certManager.enabled` do nothing without `tls.enabled`" -}}
{{- end -}}
{{- end -}}
{{- if .Values.triggerAuthentication.enabled -}}
{{- if not $tls.enabled -}}
{{- $mistakes = append $mistakes "`triggerAuthentication.enabled` does nothing without `tls.enabled`" -}}
{{- else if not (or .Values.triggerAuthentication.secretName (include "forescale.makesClientCertificate" .)) -}}
{{- $mistakes = append $mistakes "`triggerAuthentication.secretName` is needed where cert-manager makes no client certificate: the Secret with `ca.crt` that KEDA reads" -}}
{{- end -}}
{{- if and .Values.triggerAuthentication.namespace (eq .Values.triggerAuthentication.kind "ClusterTriggerAuthentication") -}}
{{- $mistakes = append $mistakes "`triggerAuthentication.namespace` is for `kind: TriggerAuthentication`: a ClusterTriggerAuthentication has none" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.credentials.existingSecret .Values.credentials.data -}}
{{- $mistakes = append $mistakes "`credentials.existingSecret` and `credentials.data` exclude one another" -}}
{{- end -}}
{{- if and .Values.operator.verticalApply (not .Values.operator.enabled) -}}
{{- $mistakes = append $mistakes "`operator.verticalApply` does nothing without `operator.enabled`" -}}
{{- end -}}
{{- $knowledge := .Values.clusterKnowledge -}}
{{- if and $knowledge.enabled (not (or $knowledge.scaling $knowledge.targets $knowledge.pods $knowledge.extraRules)) -}}
{{- $mistakes = append $mistakes "`clusterKnowledge.enabled` may read nothing: set one of `clusterKnowledge.scaling`, `targets` and `pods`" -}}
{{- end -}}
{{- $said := default dict .Values.config.operator -}}
{{- if and .Values.operator.enabled $tls.enabled (not $said.authentication) -}}
{{- $trusted := and (not $tls.mutual) (eq (toString (default dict $said.triggerMetadata).enableTLS) "true") -}}
{{- if not .Values.triggerAuthentication.enabled -}}
{{- if not $trusted -}}
{{- $mistakes = append $mistakes "`operator.enabled` with `tls.enabled`: the ScaledObjects that the operator makes would speak plain text. Set `triggerAuthentication.enabled`, or name an object of yours in `config.operator.authentication`" -}}
{{- end -}}
{{- else if eq .Values.triggerAuthentication.kind "TriggerAuthentication" -}}
{{- $space := default .Release.Namespace .Values.triggerAuthentication.namespace -}}
{{- if ne (toJson $said.namespaces) (toJson (list $space)) -}}
{{- $mistakes = append $mistakes (printf "`triggerAuthentication.kind` is `TriggerAuthentication`, which is of use in the namespace `%s` only, while the operator makes ScaledObjects in others too: use a ClusterTriggerAuthentication, set `config.operator.namespaces` to that namespace alone, or name in `config.operator.authentication` one that is in each of them" $space) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- $mistakes = append $mistakes "`serviceMonitor.enabled` and `podMonitor.enabled` would scrape every pod twice: use one" -}}
{{- end -}}
{{- if $mistakes -}}
{{- fail (printf "\n\nvalues that can't be used:\n  - %s\n" (join "\n  - " $mistakes)) -}}
{{- end -}}
{{- end -}}
