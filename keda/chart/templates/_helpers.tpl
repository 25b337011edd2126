{{/* Names and labels. */}}

{{- define "forescale.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What finds the pods; never changes in the life of a release. */}}
{{- define "forescale.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: external-scaler
{{- end -}}

{{/* Labels of an object, the pods excepted. Call with a list: the root, and optionally a component of its own. */}}
{{- define "forescale.labels" -}}
{{- $root := index . 0 -}}
{{- $component := "external-scaler" -}}
{{- if gt (len .) 1 }}{{ $component = index . 1 }}{{ end -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ $component }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: forescale
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "forescale.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "forescale.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "forescale.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* `true` when Forescale calls the Kubernetes API, empty otherwise. */}}
{{- define "forescale.callsKubernetes" -}}
{{- if or .Values.operator.enabled .Values.clusterKnowledge.enabled }}true{{ end -}}
{{- end -}}

{{- define "forescale.tlsSecret" -}}
{{- default (printf "%s-tls" (include "forescale.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{- define "forescale.clientTlsSecret" -}}
{{- default (printf "%s-client-tls" (include "forescale.fullname" .)) .Values.tls.certManager.client.secretName -}}
{{- end -}}

{{/* `true` when cert-manager makes KEDA's certificate. */}}
{{- define "forescale.makesClientCertificate" -}}
{{- if and .Values.tls.enabled .Values.tls.mutual .Values.tls.certManager.enabled .Values.tls.certManager.client.enabled }}true{{ end -}}
{{- end -}}

{{- define "forescale.credentialsSecret" -}}
{{- if .Values.credentials.existingSecret -}}
{{- .Values.credentials.existingSecret -}}
{{- else if .Values.credentials.data -}}
{{- printf "%s-credentials" (include "forescale.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* Name of the TriggerAuthentication. */}}
{{- define "forescale.triggerAuthentication" -}}
{{- default (include "forescale.fullname" .) .Values.triggerAuthentication.name -}}
{{- end -}}

{{/* What KEDA calls. */}}
{{- define "forescale.scalerAddress" -}}
{{- printf "%s.%s.svc:%d" (include "forescale.fullname" .) .Release.Namespace (int .Values.ports.grpc) -}}
{{- end -}}
