-- One span and everything below it, parents before their children.
--
-- :trace_id  32 hexadecimal digits
-- :span_id   16 hexadecimal digits
--
-- depth counts the levels below that span. Ordered by depth, start_ms, span_id. Trees may be large, and what a row
-- costs is its columns: what the asker knows (trace_id) or can add up (end_ms) is left out.
WITH RECURSIVE
  start (id) AS (
    VALUES ('spans/' || :trace_id || '-' || :span_id)
  ),
  placed (id, depth) AS (
    SELECT id, 0 FROM start
    UNION ALL
    SELECT parent_of.target, placed.depth + 1
    FROM placed JOIN parent_of ON parent_of.source = placed.id
    -- A span has one parent, so the only way round in a circle leads through the start.
    WHERE parent_of.target <> (SELECT id FROM start)
  )
SELECT
  spans.span_id, spans.parent_id, placed.depth, spans.kind, spans.name, spans.tool, spans.label, spans.status,
  spans.error_type, spans.start_ms, spans.duration_ms
FROM placed JOIN spans ON spans.key = substr(placed.id, 7)
ORDER BY placed.depth, spans.start_ms, spans.span_id
