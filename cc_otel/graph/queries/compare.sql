-- Two sessions side by side: what each took, where they part, and the files, commands and errors of each.
--
-- Used by: `cc-otel query compare`
-- :session_id text required  one session
-- :other_session_id text required  the other, its whole id
-- :limit integer = 50  how many at most
-- => what, name, here, there, here_span_id, there_span_id
--
-- what is total, diverged, file, command or error. A total's name is turns, calls, errors, model_calls, unpriced_calls,
-- duration_ms or cost_usd. diverged is the first call, counted from 1, at which the sessions do not do the same: name is
-- what each does there; calls are the same where tool and command (else label) are. Of a
-- file here and there are touches, of a command runs, of an error (its error_type) calls that failed with it. Ordered by
-- what (as listed), by how much they differ descending, by name.
WITH
  told AS (
    SELECT spans.*, spans.session_id = :session_id AS own, coalesce(command, label) AS done
    FROM spans
    WHERE session_id = :session_id
    UNION ALL
    SELECT spans.*, 0 AS own, coalesce(command, label) AS done
    FROM spans
    WHERE session_id = :other_session_id AND :other_session_id <> :session_id
  ),
  calls AS (
    SELECT told.*, row_number() OVER (PARTITION BY own ORDER BY start_ms, trace_id, span_id) AS place
    FROM told WHERE kind = 'tool'
  ),
  places AS (SELECT DISTINCT place FROM calls),
  parted AS (
    SELECT places.place, here.span_id AS here_span_id, there.span_id AS there_span_id, here.done AS here, there.done AS there
    FROM places
    LEFT JOIN calls AS here ON here.place = places.place AND here.own = 1
    LEFT JOIN calls AS there ON there.place = places.place AND there.own = 0
    WHERE here.done IS NOT there.done OR here.tool IS NOT there.tool
    ORDER BY places.place LIMIT 1
  ),
  counted (rank, what, name, own, number) AS (
    SELECT 0, 'total', 'turns', own, count(*) FROM told WHERE kind = 'turn' GROUP BY own
    UNION ALL SELECT 0, 'total', 'calls', own, count(*) FROM calls GROUP BY own
    UNION ALL SELECT 0, 'total', 'errors', own, count(*) FROM told WHERE status = 'ERROR' GROUP BY own
    UNION ALL SELECT 0, 'total', 'model_calls', own, count(*) FROM told WHERE kind = 'chat' GROUP BY own
    UNION ALL
    SELECT 0, 'total', 'unpriced_calls', own, count(*) FROM told WHERE kind = 'chat' AND cost_usd IS NULL GROUP BY own
    UNION ALL SELECT 0, 'total', 'cost_usd', own, sum(cost_usd) FROM told WHERE cost_usd IS NOT NULL GROUP BY own
    UNION ALL SELECT 0, 'total', 'duration_ms', own, max(end_ms) - min(start_ms) FROM told GROUP BY own
    UNION ALL
    SELECT 2, 'file', files.path, calls.own, count(*)
    FROM calls
    JOIN touched ON touched.key >= calls.key AND touched.key < calls.key || '/'
    JOIN files ON files.key = substr(touched.target, 7)
    GROUP BY files.path, calls.own
    UNION ALL SELECT 3, 'command', command, own, count(*) FROM calls WHERE command IS NOT NULL GROUP BY command, own
    UNION ALL
    SELECT 4, 'error', error_type, own, count(*) FROM calls WHERE error_type IS NOT NULL GROUP BY error_type, own
  ),
  beside AS (
    SELECT
      rank, what, name, coalesce(sum(number) FILTER (WHERE own = 1), 0) AS here,
      coalesce(sum(number) FILTER (WHERE own = 0), 0) AS there, NULL AS here_span_id, NULL AS there_span_id
    FROM counted GROUP BY rank, what, name
    UNION ALL
    SELECT
      1, 'diverged', coalesce(here, '(no more)') || ' | ' || coalesce(there, '(no more)'), place, place, here_span_id,
      there_span_id
    FROM parted
  )
SELECT what, name, here, there, here_span_id, there_span_id
FROM beside
ORDER BY rank, abs(here - there) DESC, name
LIMIT coalesce(:limit, -1)
