-- Which sessions go on with which: resumed or forked.
--
-- Used by: `cc-otel query lineage`
-- :session_id text  this session, as the one that went on or the one that was gone on with
-- :since_ms real  then or later, ms since the epoch
-- :limit integer = 50  how many at most
-- => start_ms, session_id, how, from_session_id, trace_id, prompt, from_prompt
--
-- One row for each session and each that it went on with, at the first time it did; a session may be resumed under its
-- own id, which is no other session and not listed. how is the kind of the link (`resumed_from`, `forked_from`). prompt
-- and from_prompt are the labels of the first turns. Ordered by start_ms descending, session_id, from_session_id, how.
SELECT
  min(links_to.start_ms) AS start_ms, links_to.session_id, links_to.label AS how, other.session_id AS from_session_id,
  min(links_to.trace_id) AS trace_id,
  (
    SELECT label FROM spans
    WHERE spans.session_id = links_to.session_id AND kind = 'turn' ORDER BY start_ms, trace_id, span_id LIMIT 1
  ) AS prompt,
  (
    SELECT label FROM spans
    WHERE spans.session_id = other.session_id AND kind = 'turn' ORDER BY start_ms, trace_id, span_id LIMIT 1
  ) AS from_prompt
FROM links_to JOIN spans AS other ON other.key = substr(links_to.target, 7)
WHERE links_to.label IN ('resumed_from', 'forked_from') AND links_to.session_id <> other.session_id
  AND (:session_id IS NULL OR links_to.session_id = :session_id OR other.session_id = :session_id)
  AND links_to.start_ms >= coalesce(:since_ms, 0)
GROUP BY links_to.session_id, links_to.label, other.session_id
ORDER BY min(links_to.start_ms) DESC, links_to.session_id, other.session_id, links_to.label
LIMIT coalesce(:limit, -1)
