-- One span and everything below it, parents before their children.
--
-- Used by: `cc-otel query subtree`, programs
-- :trace_id text required  32 hexadecimal digits
-- :span_id text required  16 hexadecimal digits
-- => span_id, parent_id, depth, kind, name, tool, label, status, error_type, start_ms, duration_ms
--
-- depth counts the levels below that span. Ordered by depth, start_ms, span_id. Trees may be large, and what a row
-- costs is its columns: what the asker knows (trace_id) or can add up (end_ms) is left out. The key of the edge that
-- leads to a span is the span's.
WITH RECURSIVE placed (key, depth) AS (
  SELECT :trace_id || '-' || :span_id, 0
  UNION ALL
  SELECT parent_of.key, placed.depth + 1
  FROM placed JOIN parent_of ON parent_of.source = 'spans/' || placed.key
  -- A span names one parent, so the only way round in a circle leads through the start. Edges may be older than that.
  WHERE parent_of.key <> :trace_id || '-' || :span_id
    AND NOT EXISTS (
      SELECT 1 FROM spans AS child
      WHERE child.key = parent_of.key
        AND 'spans/' || child.trace_id || '-' || child.parent_id IS NOT parent_of.source
    )
)
SELECT
  spans.span_id, spans.parent_id, placed.depth, spans.kind, spans.name, spans.tool, spans.label, spans.status,
  spans.error_type, spans.start_ms, spans.duration_ms
FROM placed JOIN spans ON spans.key = placed.key
ORDER BY placed.depth, spans.start_ms, spans.span_id
