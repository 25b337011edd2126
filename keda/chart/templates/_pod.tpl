{{/* The pod, the same in the Deployment and in the StatefulSet. */}}
{{- define "forescale.pod" -}}
metadata:
  labels:
    {{- include "forescale.selectorLabels" . | nindent 4 }}
    {{- with merge (dict) .Values.podLabels .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Changed settings roll the pods: Forescale reads them when it starts.
    checksum/settings: {{ include "forescale.settings" . | sha256sum }}
    {{- if and .Values.scrapeAnnotations (not .Values.serviceMonitor.enabled) (not .Values.podMonitor.enabled) }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .Values.ports.http | quote }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "forescale.serviceAccountName" . }}
  automountServiceAccountToken: {{ eq (include "forescale.callsKubernetes" .) "true" }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml . | nindent 6 }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels:
          {{- include "forescale.selectorLabels" $ | nindent 10 }}
      {{- end }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: forescale
      image: {{ include "forescale.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --config
        - /etc/forescale/settings/forescale.yaml
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if or .Values.operator.enabled .Values.models.volume .Values.extraEnv }}
      env:
        {{- if .Values.operator.enabled }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        {{- end }}
        {{- if .Values.models.volume }}
        - name: FORESCALE_MODELS_DIR
          value: {{ .Values.models.mountPath }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: grpc
          containerPort: {{ .Values.ports.grpc }}
          protocol: TCP
        - name: http
          containerPort: {{ .Values.ports.http }}
          protocol: TCP
      startupProbe:
        httpGet:
          path: /healthz
          port: http
        {{- toYaml .Values.startupProbe | nindent 8 }}
      livenessProbe:
        httpGet:
          path: /healthz
          port: http
        {{- toYaml .Values.livenessProbe | nindent 8 }}
      readinessProbe:
        {{- if .Values.tls.enabled }}
        httpGet:
          path: /readyz
          port: http
        {{- else }}
        grpc:
          port: {{ .Values.ports.grpc }}
          service: externalscaler.ExternalScaler
        {{- end }}
        {{- toYaml .Values.readinessProbe | nindent 8 }}
      {{- if and .Values.preStopSleepSeconds (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSleepSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        - name: settings
          mountPath: /etc/forescale/settings
          readOnly: true
        - name: data
          mountPath: /var/lib/forescale
        {{- if .Values.tls.enabled }}
        - name: tls
          mountPath: /etc/forescale/tls
          readOnly: true
        {{- end }}
        {{- if include "forescale.credentialsSecret" . }}
        - name: credentials
          mountPath: /etc/forescale/credentials
          readOnly: true
        {{- end }}
        {{- if .Values.models.volume }}
        - name: models
          mountPath: {{ .Values.models.mountPath }}
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: settings
      configMap:
        name: {{ include "forescale.fullname" . }}
    {{- if not .Values.persistence.enabled }}
    - name: data
      emptyDir:
        sizeLimit: {{ .Values.persistence.emptyDirSizeLimit }}
    {{- end }}
    {{- if .Values.tls.enabled }}
    - name: tls
      projected:
        sources:
          - secret:
              name: {{ include "forescale.tlsSecret" . }}
              items:
                - key: tls.crt
                  path: tls.crt
                - key: tls.key
                  path: tls.key
          {{- if .Values.tls.mutual }}
          - secret:
              name: {{ default (include "forescale.tlsSecret" .) .Values.tls.clientCa.existingSecret }}
              items:
                - key: {{ .Values.tls.clientCa.key }}
                  path: client-ca.crt
          {{- end }}
    {{- end }}
    {{- with include "forescale.credentialsSecret" . }}
    - name: credentials
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- with .Values.models.volume }}
    - name: models
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
