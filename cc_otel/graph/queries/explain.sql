-- Why the graph says that two calls belong together: the edge, its rule, and the two calls.
--
-- Used by: `cc-otel query explain`
-- :edge text required  the key of an edge, or of a span (TRACE-SPAN) for all edges at it
-- :limit integer = 50  how many at most
-- => kind, rule, certainty, level, gap_ms, source, source_outcome, target, target_outcome, source_id, target_id, edge
--
-- kind is the collection of the edge: follows, retried, resolved_by, superseded_by. source and target are the labels of
-- the two calls, source_id and target_id their keys. Ordered by kind, edge.
SELECT
  edge.kind, edge.rule, edge.certainty, edge.level, edge.gap_ms, one.label AS source, one.outcome AS source_outcome,
  other.label AS target, other.outcome AS target_outcome, substr(edge.source, 7) AS source_id,
  substr(edge.target, 7) AS target_id, edge.key AS edge
FROM (
    SELECT 'follows' AS kind, key, source, target, rule, certainty, level, gap_ms FROM follows
    WHERE key = :edge OR source = 'spans/' || :edge OR target = 'spans/' || :edge
    UNION ALL
    SELECT 'retried' AS kind, key, source, target, rule, certainty, level, gap_ms FROM retried
    WHERE key = :edge OR source = 'spans/' || :edge OR target = 'spans/' || :edge
    UNION ALL
    SELECT 'resolved_by' AS kind, key, source, target, rule, certainty, level, gap_ms FROM resolved_by
    WHERE key = :edge OR source = 'spans/' || :edge OR target = 'spans/' || :edge
    UNION ALL
    SELECT 'superseded_by' AS kind, key, source, target, rule, certainty, level, gap_ms FROM superseded_by
    WHERE key = :edge OR source = 'spans/' || :edge OR target = 'spans/' || :edge
) AS edge
LEFT JOIN spans AS one ON one.key = substr(edge.source, 7)
LEFT JOIN spans AS other ON other.key = substr(edge.target, 7)
ORDER BY edge.kind, edge.key
LIMIT coalesce(:limit, -1)
