-- The files that were touched, the one touched last first.
--
-- Used by: `cc-otel query files`
-- :session_id text  by this session
-- :trace_id text  in this trace
-- :since_ms real  then or later, ms since the epoch
-- :until_ms real  before then, ms since the epoch
-- :limit integer = 20  how many at most
-- => path, touches, reads, edits, writes, errors, first_ms, last_ms
--
-- A touch is a span that names a file: a call, or an event about a file. reads, edits and writes are touches of that
-- operation; errors are touches that failed. Ordered by last_ms descending, path. One branch for each way in, of which
-- SQLite runs one: the session's index, the trace's, or the newest of all.
SELECT
  files.path, count(*) AS touches, sum(touched.op = 'read') AS reads, sum(touched.op = 'edit') AS edits,
  sum(touched.op = 'write') AS writes, sum(touched.status = 'ERROR') AS errors, min(touched.start_ms) AS first_ms,
  max(touched.start_ms) AS last_ms
FROM (
  SELECT key FROM spans
  WHERE :session_id IS NOT NULL AND session_id = :session_id AND (:trace_id IS NULL OR trace_id = :trace_id)
    AND start_ms >= coalesce(:since_ms, 0) AND (:until_ms IS NULL OR start_ms < :until_ms)
  UNION ALL
  SELECT key FROM spans
  WHERE :session_id IS NULL AND :trace_id IS NOT NULL AND key >= :trace_id || '-' AND key < :trace_id || '.'
    AND start_ms >= coalesce(:since_ms, 0) AND (:until_ms IS NULL OR start_ms < :until_ms)
  UNION ALL
  SELECT key FROM spans INDEXED BY spans_start
  WHERE :session_id IS NULL AND :trace_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
    AND (:until_ms IS NULL OR start_ms < :until_ms)
) AS span
JOIN touched ON touched.key = span.key
JOIN files ON files.key = substr(touched.target, 7)
GROUP BY files.path
ORDER BY last_ms DESC, files.path
LIMIT coalesce(:limit, -1)
