-- One span with everything it says.
--
-- :trace_id  32 hexadecimal digits
-- :span_id   16 hexadecimal digits
SELECT
  trace_id, span_id, parent_id, kind, name, tool, label, summary, command, status, error_type, session_id, service,
  start_ms, end_ms, duration_ms,
  json_extract(document, '$.start_ns') AS start_ns, json_extract(document, '$.end_ns') AS end_ns,
  json_extract(document, '$.span_kind') AS span_kind, json_extract(document, '$.status_message') AS status_message,
  json_extract(document, '$.scope') AS scope, json_extract(document, '$.attributes') AS attributes,
  json_extract(document, '$.resource') AS resource, json_extract(document, '$.links') AS links,
  json_extract(document, '$.events') AS events
FROM spans
WHERE key = :trace_id || '-' || :span_id
