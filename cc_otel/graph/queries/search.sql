-- What was said, done and answered with these words: prompts, answers, summaries, commands, errors, output of tools.
--
-- Used by: `cc-otel query search`
-- :words text required  all of these words; "a phrase", -without, begin*
-- :session_id text  in this session
-- :kind text  in spans of this kind
-- :since_ms real  then or later, ms since the epoch
-- :limit integer = 20  how many at most
-- => trace_id, span_id, session_id, kind, tool, label, start_ms, excerpt, score, found
--
-- The best first, by BM25 (a larger score is better), then start_ms descending, trace_id, span_id. Of more than 1,000
-- spans with these words the 1,000 that were stored last are ranked; found is how many there are of these at most.
-- excerpt is the text around the longest of the words. What was stored in the last second may not be found yet.
WITH
  hits AS MATERIALIZED (
    SELECT rowid AS id, -bm25(words) AS score FROM words
    WHERE :session_id IS NULL AND words MATCH matching(:words)
    ORDER BY rowid DESC LIMIT 1000
  ),
  of_session AS MATERIALIZED (
    SELECT rowid AS id, -bm25(words) AS score FROM words
    WHERE :session_id IS NOT NULL AND words MATCH matching(:words)
      AND rowid IN (SELECT rowid FROM spans WHERE session_id = :session_id)
    ORDER BY rowid DESC LIMIT 1000
  ),
  ranked AS (
    SELECT spans.rowid AS id, hit.score, count(*) OVER () AS found
    FROM (SELECT * FROM hits UNION ALL SELECT * FROM of_session) AS hit JOIN spans ON spans.rowid = hit.id
    WHERE (:kind IS NULL OR spans.kind = :kind) AND spans.start_ms >= coalesce(:since_ms, 0)
    ORDER BY hit.score DESC, spans.start_ms DESC, spans.trace_id, spans.span_id
    LIMIT coalesce(:limit, -1)
  )
SELECT
  trace_id, span_id, session_id, kind, tool, label, start_ms,
  excerpt(:words, kind, summary, command, document) AS excerpt, ranked.score, ranked.found
FROM ranked JOIN spans ON spans.rowid = ranked.id
ORDER BY ranked.score DESC, start_ms DESC, trace_id, span_id
