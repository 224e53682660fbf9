{{- define "wasd.labels" -}}
app.kubernetes.io/name: wasd-cloud
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "wasd.commonLabels" -}}
{{ include "wasd.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "wasd.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "wasd.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "wasd.sessionNamespace" -}}
{{ .Values.api.sessionNamespace | default .Release.Namespace }}
{{- end }}

{{/* As a program reads it: a template would print two million as 2e+06. */}}
{{- define "wasd.number" -}}
{{ toJson . | quote }}
{{- end }}

{{/* What both programs are given. */}}
{{- define "wasd.commonEnvironment" -}}
- { name: LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: KUBERNETES_SERVICE_ACCOUNT_DIRECTORY, value: /var/run/secrets/kubernetes.io/serviceaccount }
- { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
- { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
- { name: CATALOGUE_FILE, value: /etc/wasd/catalogue/catalogue.yaml }
- { name: NODE_COMPILE_CACHE, value: /var/cache/node }
{{- if .Values.extraCaCertificates }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/wasd/certificates/extra.pem }
{{- end }}
{{- end }}

{{- define "wasd.commonMounts" -}}
- { name: kubernetes-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
- { name: catalogue, mountPath: /etc/wasd/catalogue, readOnly: true }
- { name: compiled, mountPath: /var/cache/node }
{{- if .Values.extraCaCertificates }}
- { name: certificates, mountPath: /etc/wasd/certificates, readOnly: true }
{{- end }}
{{- end }}

{{/* The token volume is written out, so that what the program may be is all in this chart. */}}
{{- define "wasd.commonVolumes" -}}
- name: kubernetes-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3607 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
- name: catalogue
  configMap: { name: {{ .Release.Name }}-catalogue }
{{- /* What Node makes of the TypeScript. A container that is started again in its pod reads it, and needs half of the time to load. */}}
- name: compiled
  emptyDir: { sizeLimit: 64Mi }
{{- if .Values.extraCaCertificates }}
- name: certificates
  configMap: { name: {{ .Release.Name }}-certificates }
{{- end }}
{{- end }}

{{- define "wasd.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "wasd.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Over zones where there are some; never a reason not to run. */}}
{{- define "wasd.spread" -}}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: { matchLabels: { {{ include "wasd.labels" . | replace "\n" ", " }} } }
{{- end }}
