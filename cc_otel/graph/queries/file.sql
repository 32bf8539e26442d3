-- Who touched a file, when, how and under which prompt, the last first, and what failed next.
--
-- Used by: `cc-otel query file`
-- :path text required  its path in its repository, or the end of its path
-- :repository text  in this repository
-- :session_id text  by this session
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => start_ms, op, session_id, trace_id, span_id, lines_added, lines_removed, outcome, label, prompt, failed_next,
--    certainty, path, repository
--
-- prompt is the label of the turn: the first one of the trace. failed_next is the label of the first call after it in
-- the same trace that failed. Ordered by start_ms descending, trace_id, span_id, op.
SELECT
  spans.start_ms, touched.op, spans.session_id, spans.trace_id, spans.span_id, touched.lines_added,
  touched.lines_removed, spans.outcome, spans.label,
  (
    SELECT label FROM spans AS turn
    WHERE turn.key >= spans.trace_id || '-' AND turn.key < spans.trace_id || '.' AND turn.kind = 'turn'
    ORDER BY turn.start_ms, turn.span_id LIMIT 1
  ) AS prompt,
  (
    SELECT label FROM spans AS later
    WHERE later.key >= spans.trace_id || '-' AND later.key < spans.trace_id || '.' AND later.kind = 'tool'
      AND later.start_ms >= spans.end_ms AND later.key <> spans.key AND later.error_key IS NOT NULL
    ORDER BY later.start_ms, later.span_id LIMIT 1
  ) AS failed_next,
  touched.certainty, files.path, files.repository
FROM files
JOIN touched ON touched.target = 'files/' || files.key
JOIN spans ON spans.key = substr(touched.source, 7)
WHERE (files.path = :path OR substr(files.path, -length(:path) - 1) = '/' || :path)
  AND (:repository IS NULL OR files.repository = :repository)
  AND (:session_id IS NULL OR spans.session_id = :session_id)
  AND (:since_ms IS NULL OR spans.start_ms >= :since_ms) AND (:until_ms IS NULL OR spans.start_ms < :until_ms)
ORDER BY spans.start_ms DESC, spans.trace_id, spans.span_id, touched.op, files.path
LIMIT coalesce(:limit, -1)
