-- One span with everything it says, and the model call that asked for it.
--
-- Used by: `cc-otel query span`
-- :trace_id text required  32 hexadecimal digits
-- :span_id text required  16 hexadecimal digits
-- => trace_id, span_id, parent_id, kind, name, tool, label, summary, command, status, error_type, session_id, service,
--    start_ms, end_ms, duration_ms, start_ns, end_ns, span_kind, status_message, scope, attributes, resource, links,
--    events, asked_by, scope_version, scope_attributes, scope_schema_url, resource_schema_url, trace_state, flags,
--    dropped
--
-- asked_by is the id of the model call, of the same trace, whose answer asked for it.
SELECT
  trace_id, span_id, parent_id, kind, name, tool, label, summary, command, status, error_type, session_id, service,
  start_ms, end_ms, duration_ms,
  json_extract(document, '$.start_ns') AS start_ns, json_extract(document, '$.end_ns') AS end_ns,
  json_extract(document, '$.span_kind') AS span_kind, json_extract(document, '$.status_message') AS status_message,
  json_extract(document, '$.scope') AS scope, json_extract(document, '$.attributes') AS attributes,
  json_extract(document, '$.resource') AS resource, json_extract(document, '$.links') AS links,
  json_extract(document, '$.events') AS events,
  (
    SELECT substr(links_to.source, 40) FROM links_to
    WHERE links_to.key >= :trace_id || '-' AND links_to.key < :trace_id || '.'
      AND links_to.target = 'spans/' || spans.key AND links_to.label = 'asked_for'
    ORDER BY links_to.source LIMIT 1
  ) AS asked_by,
  json_extract(document, '$.scope_version') AS scope_version,
  json_extract(document, '$.scope_attributes') AS scope_attributes,
  json_extract(document, '$.scope_schema_url') AS scope_schema_url,
  json_extract(document, '$.resource_schema_url') AS resource_schema_url,
  json_extract(document, '$.trace_state') AS trace_state, json_extract(document, '$.flags') AS flags,
  json_extract(document, '$.dropped') AS dropped
FROM spans
WHERE key = :trace_id || '-' || :span_id
