{{/* The namespace of the servers. */}}
{{- define "wao.system" -}}
{{- .Values.namespaces.system | default .Release.Namespace -}}
{{- end -}}

{{/* Not empty if the chart creates the namespace of the servers. Helm creates that of the release itself. */}}
{{- define "wao.createsSystem" -}}
{{- if ne (include "wao.system" .) .Release.Namespace -}}true{{- end -}}
{{- end -}}

{{/* An image by digest or by tag. */}}
{{- define "wao.image" -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}

{{/* The image of kube-scheduler; its version is that of the cluster, without the suffix of a distribution. */}}
{{- define "wao.kubeSchedulerImage" -}}
{{- $image := .Values.kubeScheduler.image -}}
{{- $tag := $image.tag | default (regexFind "^v[0-9]+\\.[0-9]+\\.[0-9]+" .Capabilities.KubeVersion.Version) -}}
{{- include "wao.image" (dict "repository" $image.repository "digest" $image.digest "tag" $tag) -}}
{{- end -}}

{{/* How the Pods of a server are spread: list with the root and the name of the server. */}}
{{- define "wao.spread" -}}
{{- $spread := (index . 0).Values.spread -}}
{{- if or $spread.nodes $spread.zones -}}
topologySpreadConstraints:
{{- end }}
{{- if $spread.nodes }}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: {{ $spread.nodes }}
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: {{ index . 1 }}
{{- end }}
{{- if $spread.zones }}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: {{ $spread.zones }}
  labelSelector:
    matchLabels:
      app.kubernetes.io/part-of: wao
  matchLabelKeys: [app.kubernetes.io/name]
{{- end }}
{{- end -}}
