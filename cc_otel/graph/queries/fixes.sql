-- Where an error was seen, the last first: what failed, and what resolved it.
--
-- Used by: `cc-otel query fixes`
-- :error_key text required  the error, as `cc-otel query errors` names it
-- :session_id text  in this session
-- :limit integer = 20  how many at most
-- => start_ms, session_id, trace_id, span_id, label, fix_id, fix, fix_ms, causes, rule, level, certainty
--
-- fix_id is the key of the span that resolved it and fix its label, null where nothing is known to have; causes are the
-- labels of the edits in between, in the order they began. Ordered by start_ms descending, trace_id, span_id.
SELECT
  spans.start_ms, spans.session_id, spans.trace_id, spans.span_id, spans.label, later.key AS fix_id, later.label AS fix,
  fix.gap_ms AS fix_ms,
  (
    SELECT json_group_array(label) FROM (
      SELECT edit.label
      FROM json_each(fix.document, '$.causes') AS cause JOIN spans AS edit ON edit.key = cause.value
      ORDER BY edit.start_ms, edit.key
    )
  ) AS causes,
  fix.rule, fix.level, fix.certainty
FROM failed_with
JOIN spans ON spans.key = substr(failed_with.source, 7)
LEFT JOIN resolved_by AS fix ON fix.source = failed_with.source
LEFT JOIN spans AS later ON later.key = substr(fix.target, 7)
WHERE failed_with.target = 'errors/' || :error_key AND (:session_id IS NULL OR failed_with.session_id = :session_id)
ORDER BY spans.start_ms DESC, spans.trace_id, spans.span_id
LIMIT coalesce(:limit, -1)
