{{- define "shoal.name" -}}
{{- if contains "shoal" .Release.Name -}}
{{- .Release.Name | trunc 19 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-shoal" .Release.Name | trunc 19 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods; . is {root, role}. */}}
{{- define "shoal.selector" -}}
app.kubernetes.io/name: shoal
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "shoal.labels" -}}
{{ include "shoal.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* The parts of a pod that all roles share; . is {root, role, values, priority}. */}}
{{- define "shoal.pod" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
serviceAccountName: {{ include "shoal.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- if .root.Values.priorityClasses.create }}
priorityClassName: {{ include "shoal.name" .root }}-{{ .priority }}
{{- end }}
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The parts of a container that all roles share; the same argument. */}}
{{- define "shoal.container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end -}}

{{/* Probes that tell the truth: /livez fails when the process hangs, /readyz when it can't serve. Nothing that a
     store does makes a process unlive, so that an outage of Redis or S3 restarts none; . is the port's name. */}}
{{- define "shoal.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: {{ . }} }
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: { path: /livez, port: {{ . }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ . }} }
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{- define "shoal.limits" -}}
{{- range $name, $value := .Values.limits }}
- --limit={{ $name }}={{ $value }}
{{- end }}
{{- end -}}

{{- define "shoal.env" -}}
- name: SHOAL_REGISTRY
  {{- if .Values.registry.existingSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ .Values.registry.existingSecret | quote }}
      key: {{ .Values.registry.key | quote }}
  {{- else }}
  value: {{ required "set registry.url or registry.existingSecret" .Values.registry.url | quote }}
  {{- end }}
- name: SHOAL_TOKEN_FILE
  value: /run/shoal/token
- name: SHOAL_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- end -}}

{{- define "shoal.advertiseEnv" -}}
# By address and not by name: what is under way must not need DNS. The members' list has the new one after a restart.
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: SHOAL_ADVERTISE
  value: http://$(POD_IP):{{ . }}
{{- end -}}

{{- define "shoal.objectStoreEnv" -}}
- name: SHOAL_ARTIFACTS
  value: {{ required "set artifacts.url" .Values.artifacts.url | quote }}
- name: SHOAL_S3_REGION
  value: {{ .Values.artifacts.region | quote }}
- name: SHOAL_S3_PATH_STYLE
  value: {{ .Values.artifacts.pathStyle | quote }}
{{- if .Values.artifacts.endpoint }}
- name: SHOAL_S3_ENDPOINT
  value: {{ .Values.artifacts.endpoint | quote }}
{{- end }}
{{- if .Values.artifacts.existingSecret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.artifacts.existingSecret | quote }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "shoal.tokenSecret" -}}
{{- .Values.token.existingSecret | default (printf "%s-token" (include "shoal.name" .)) -}}
{{- end -}}

{{- define "shoal.tokenVolume" -}}
- name: token
  secret:
    secretName: {{ include "shoal.tokenSecret" . | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.token.key | quote }}
        path: token
{{- end -}}

{{- define "shoal.spread" -}}
- topologyKey: {{ .topologyKey }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "shoal.selector" . | nindent 6 }}
{{- end -}}
