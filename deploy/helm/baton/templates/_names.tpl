{{- define "baton.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "baton.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "baton.labels" -}}
{{ include "baton.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "baton.image" -}}
{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What every container of Baton may do: nothing but its work. */}}
{{- define "baton.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "baton.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* How Kafka is reached: of the workers, and of the job that makes the topics. */}}
{{- define "baton.kafkaEnvironment" -}}
- {name: BATON_KAFKA_SERVERS, value: {{ .Values.kafka.servers | quote }}}
- {name: BATON_KAFKA_SECURITY, value: {{ .Values.kafka.security }}}
- {name: BATON_APP, value: {{ .Values.app | quote }}}
- {name: BATON_PARTITIONS, value: {{ .Values.partitions | quote }}}
- {name: BATON_REPLICATION, value: {{ .Values.replication | quote }}}
{{- if hasPrefix "SASL" .Values.kafka.security }}
- {name: BATON_KAFKA_SASL, value: {{ .Values.kafka.sasl }}}
- name: BATON_KAFKA_USER
  valueFrom: {secretKeyRef: {name: {{ include "baton.kafkaSecret" . }}, key: user}}
- name: BATON_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "baton.kafkaSecret" . }}, key: password}}
{{- end }}
{{- if .Values.kafka.ownAuthority }}
- {name: BATON_KAFKA_CA, value: /etc/baton/kafka/ca.crt}
{{- end }}
{{- if .Values.kafka.clientCertificate }}
- {name: BATON_KAFKA_CERTIFICATE, value: /etc/baton/kafka/tls.crt}
- {name: BATON_KAFKA_KEY, value: /etc/baton/kafka/tls.key}
{{- end }}
{{- end }}

{{- define "baton.kafkaSecret" -}}
{{ required "kafka.secret is needed: the name of a Secret with user and password, or with certificates" .Values.kafka.secret }}
{{- end }}

{{- define "baton.kafkaFiles" -}}
{{- if or .Values.kafka.ownAuthority .Values.kafka.clientCertificate }}true{{ end }}
{{- end }}

{{/* Only the files: the password is an environment variable. */}}
{{- define "baton.kafkaVolume" -}}
name: kafka
secret:
  secretName: {{ include "baton.kafkaSecret" . }}
  defaultMode: 0440
  items:
    {{- if .Values.kafka.ownAuthority }}
    - {key: ca.crt, path: ca.crt}
    {{- end }}
    {{- if .Values.kafka.clientCertificate }}
    - {key: tls.crt, path: tls.crt}
    - {key: tls.key, path: tls.key}
    {{- end }}
{{- end }}
