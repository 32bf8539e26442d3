-- Every span of one trace, parents before their children.
--
-- Used by: `cc-otel query tree`
-- :trace_id text required  32 hexadecimal digits
-- => trace_id, span_id, parent_id, depth, kind, name, tool, label, status, error_type, session_id, start_ms, end_ms,
--    duration_ms, model, input_tokens, output_tokens, cost_usd, wait_ms, outcome
--
-- wait_ms is how long a call waited for a person, outcome how it ended (docs/spans.md); what a model call took stands at
-- the call itself: what agents took in sum is in cost.sql.
-- depth counts the levels below the span that nothing in the store is the parent of; it is null for spans that
-- are each other's parents. Ordered by depth (null last), start_ms, span_id. An edge may lead to a span that is not
-- stored: the walk ends there, because what is below it begins at depth 0 itself. It goes only along edges that the
-- child's own parent_id confirms, so that it comes to every span once and cannot go round.
WITH RECURSIVE
  trace AS (
    SELECT
      key, trace_id, span_id, parent_id, kind, name, tool, label, status, error_type, session_id, start_ms, end_ms,
      duration_ms, model, input_tokens, output_tokens, cost_usd,
      json_extract(document, '$.attributes.cc_otel_tool_wait_ms') AS wait_ms,
      json_extract(document, '$.attributes.cc_otel_tool_outcome') AS outcome
    FROM spans
    WHERE key >= :trace_id || '-' AND key < :trace_id || '.'
  ),
  placed (id, depth) AS (
    SELECT 'spans/' || key, 0
    FROM trace
    WHERE NOT EXISTS (SELECT 1 FROM spans AS parent WHERE parent.key = trace.trace_id || '-' || trace.parent_id)
    UNION ALL
    SELECT parent_of.target, placed.depth + 1
    FROM placed JOIN parent_of ON parent_of.source = placed.id
    WHERE EXISTS (
      SELECT 1 FROM spans AS child
      WHERE child.key = substr(parent_of.target, 7)
        AND 'spans/' || child.trace_id || '-' || child.parent_id = parent_of.source
    )
  )
SELECT
  trace.trace_id, trace.span_id, trace.parent_id, placed.depth, trace.kind, trace.name, trace.tool, trace.label,
  trace.status, trace.error_type, trace.session_id, trace.start_ms, trace.end_ms, trace.duration_ms,
  trace.model, trace.input_tokens, trace.output_tokens, trace.cost_usd, trace.wait_ms, trace.outcome
FROM trace LEFT JOIN placed ON placed.id = 'spans/' || trace.key
ORDER BY placed.depth IS NULL, placed.depth, trace.start_ms, trace.span_id
