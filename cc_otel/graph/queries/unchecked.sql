-- Edits that no test, build or lint followed with success in their session.
--
-- Used by: `cc-otel query unchecked`
-- :session_id text  in this session
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 50  how many at most
-- => start_ms, session_id, trace_id, span_id, path, op, lines_added, lines_removed, label
--
-- A check is a call of class test, build or lint whose outcome is ok and that began after the edit had ended. An outcome
-- that is unknown checks nothing. Ordered by start_ms descending, span_id, path. One branch for each way in, of which
-- SQLite runs one.
SELECT
  edit.start_ms, edit.session_id, edit.trace_id, edit.span_id, files.path, touched.op, touched.lines_added,
  touched.lines_removed, edit.label
FROM (
  SELECT key FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
  UNION ALL
  SELECT key FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
) AS found
JOIN spans AS edit ON edit.key = found.key
JOIN touched ON touched.key >= edit.key AND touched.key < edit.key || '/'
JOIN files ON files.key = substr(touched.target, 7)
WHERE edit.kind = 'tool' AND edit.status <> 'ERROR' AND touched.op IN ('edit', 'write', 'create', 'delete', 'rename')
  AND edit.start_ms >= coalesce(:since_ms, 0) AND (:until_ms IS NULL OR edit.start_ms < :until_ms)
  AND NOT EXISTS (
    SELECT 1 FROM spans AS check_
    WHERE check_.session_id = edit.session_id AND check_.start_ms >= edit.end_ms AND check_.kind = 'tool'
      AND check_.outcome = 'ok' AND check_.command_class IN ('test', 'build', 'lint')
  )
ORDER BY edit.start_ms DESC, edit.span_id, files.path
LIMIT coalesce(:limit, -1)
