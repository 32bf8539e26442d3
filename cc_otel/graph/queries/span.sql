-- One span with everything it says.
--
-- :trace_id  32 hexadecimal digits
-- :span_id   16 hexadecimal digits
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
  ) AS asked_by
FROM spans
WHERE key = :trace_id || '-' || :span_id
