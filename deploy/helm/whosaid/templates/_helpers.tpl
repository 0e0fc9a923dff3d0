{{/* Names, labels, and the pod that every part is. */}}

{{- define "whosaid.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "whosaid.labels" -}}
app.kubernetes.io/name: whosaid
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What selects the pods of one part. Call it with (dict "root" $ "part" "sink"). */}}
{{- define "whosaid.selector" -}}
app.kubernetes.io/name: whosaid
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "whosaid.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "whosaid.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Kafka's address: the one of the values, or of the cluster that Strimzi makes. */}}
{{- define "whosaid.bootstrapServers" -}}
{{- if .Values.kafka.bootstrapServers -}}
{{- .Values.kafka.bootstrapServers -}}
{{- else if .Values.strimzi.enabled -}}
{{- printf "%s-kafka-kafka-bootstrap:9092" (include "whosaid.name" .) -}}
{{- else -}}
{{- fail "Set kafka.bootstrapServers to host:port, or enable strimzi." -}}
{{- end -}}
{{- end -}}

{{/* Elasticsearch's address: the one of the values, or of the cluster that ECK makes. */}}
{{- define "whosaid.elasticsearchUrl" -}}
{{- if .Values.elasticsearch.url -}}
{{- .Values.elasticsearch.url -}}
{{- else if .Values.eck.enabled -}}
{{- printf "https://%s-search-es-http:9200" (include "whosaid.name" .) -}}
{{- else -}}
{{- fail "Set elasticsearch.url to https://host:port, or enable eck." -}}
{{- end -}}
{{- end -}}

{{/* The settings of one part, sorted: the chart's own, those of every part, those of this part. The last one wins. */}}
{{- define "whosaid.environment" -}}
{{- $own := dict
      "KAFKA__BOOTSTRAP_SERVERS" (include "whosaid.bootstrapServers" .root)
      "KAFKA__PREFIX" .root.Values.kafka.prefix
      "ELASTICSEARCH__URL" (include "whosaid.elasticsearchUrl" .root)
      "METRICS__HOST" "0.0.0.0"
      "METRICS__PORT" (toString .root.Values.metrics.port)
      "METRICS__TOKENS_FILE" "/etc/whosaid/secrets/metrics-tokens/tokens"
-}}
{{- if .root.Values.strimzi.enabled -}}
{{- $_ := set $own "KAFKA__PARTITIONS" (toString .root.Values.strimzi.partitions) -}}
{{- $_ := set $own "KAFKA__REPLICATION" (toString (min 3 (int .root.Values.strimzi.replicas))) -}}
{{- $_ := set $own "KAFKA__RETENTION_HOURS" (toString .root.Values.strimzi.retentionHours) -}}
{{- end -}}
{{- if .root.Values.eck.enabled -}}
{{- $_ := set $own "ELASTICSEARCH__USERNAME" "elastic" -}}
{{- $_ := set $own "ELASTICSEARCH__PASSWORD_FILE" "/etc/whosaid/secrets/eck-user/elastic" -}}
{{- $_ := set $own "ELASTICSEARCH__CA_FILE" "/etc/whosaid/secrets/eck-ca/tls.crt" -}}
{{- $_ := set $own "ELASTICSEARCH__REPLICAS" (ternary "1" "0" (gt (int .root.Values.eck.replicas) 1)) -}}
{{- end -}}
{{- if eq .part "enrich" -}}
{{- $_ := set $own "ENRICHMENT__PROCESSES" (toString .values.processes) -}}
{{- $_ := set $own "ENRICHMENT__MEMORY_LIMIT" (toString .values.memoryLimit) -}}
{{- else if eq .part "serve" -}}
{{- $_ := set $own "SEARCH__HOST" "0.0.0.0" -}}
{{- $_ := set $own "SEARCH__TOKENS_FILE" "/etc/whosaid/secrets/tokens/tokens" -}}
{{- else if eq .part "push" -}}
{{- $_ := set $own "CONNECTORS__PUSH_HOST" "0.0.0.0" -}}
{{- if .values.tokens.secret -}}
{{- $_ := set $own "CONNECTORS__PUSH_TOKENS_FILE" "/etc/whosaid/secrets/tokens/tokens" -}}
{{- end -}}
{{- end -}}
{{- range $number, $entry := .root.Values.secrets -}}
{{- if or (not $entry.parts) (has $.part $entry.parts) -}}
{{- $_ := set $own $entry.setting (printf "/etc/whosaid/secrets/%d/%s" $number $entry.key) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := merge (dict) .values.settings .root.Values.settings $own }}
- name: WHOSAID_{{ $name }}
  value: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{/* The Secrets of one part as a list of: name, secret, key, file. */}}
{{- define "whosaid.secretVolumes" -}}
- name: metrics-tokens
  secret:
    secretName: {{ .root.Values.metrics.tokens.secret }}
    defaultMode: 0440
    items: [{key: {{ .root.Values.metrics.tokens.key }}, path: tokens}]
{{- if and (hasKey .values "tokens") .values.tokens.secret }}
- name: tokens
  secret:
    secretName: {{ .values.tokens.secret }}
    defaultMode: 0440
    items: [{key: {{ .values.tokens.key }}, path: tokens}]
{{- end }}
{{- if .root.Values.eck.enabled }}
- name: eck-user
  secret:
    secretName: {{ include "whosaid.name" .root }}-search-es-elastic-user
    defaultMode: 0440
- name: eck-ca
  secret:
    secretName: {{ include "whosaid.name" .root }}-search-es-http-certs-public
    defaultMode: 0440
    items: [{key: tls.crt, path: tls.crt}]
{{- end }}
{{- range $number, $entry := .root.Values.secrets }}
{{- if or (not $entry.parts) (has $.part $entry.parts) }}
- name: secret-{{ $number }}
  secret:
    secretName: {{ $entry.secret }}
    defaultMode: 0440
    items: [{key: {{ $entry.key }}, path: {{ $entry.key }}}]
{{- end }}
{{- end }}
{{- end -}}

{{- define "whosaid.secretMounts" -}}
- {name: metrics-tokens, mountPath: /etc/whosaid/secrets/metrics-tokens, readOnly: true}
{{- if and (hasKey .values "tokens") .values.tokens.secret }}
- {name: tokens, mountPath: /etc/whosaid/secrets/tokens, readOnly: true}
{{- end }}
{{- if .root.Values.eck.enabled }}
- {name: eck-user, mountPath: /etc/whosaid/secrets/eck-user, readOnly: true}
- {name: eck-ca, mountPath: /etc/whosaid/secrets/eck-ca, readOnly: true}
{{- end }}
{{- range $number, $entry := .root.Values.secrets }}
{{- if or (not $entry.parts) (has $.part $entry.parts) }}
- {name: secret-{{ $number }}, mountPath: /etc/whosaid/secrets/{{ $number }}, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}
