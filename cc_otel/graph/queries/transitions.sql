-- What follows what: how often one kind of call came right after another, by the same agent.
--
-- Used by: `cc-otel query transitions`
-- :session_id text  in this session
-- :since_ms real  the first of two then or later, ms since the epoch
-- :limit integer = 50  how many at most
-- => tool, class, next_tool, next_class, times, after_failure, sessions
--
-- class is that of a shell's main command (test, build, search …), null for other tools. after_failure is how many of
-- these times the first had failed. Read from the edges `follows`. Ordered by times descending, then by the four names.
SELECT
  one.tool, one.command_class AS class, later.tool AS next_tool, later.command_class AS next_class, count(*) AS times,
  sum(one.status = 'ERROR') AS after_failure, count(DISTINCT follows.session_id) AS sessions
FROM follows
JOIN spans AS one ON one.key = substr(follows.source, 7)
JOIN spans AS later ON later.key = substr(follows.target, 7)
WHERE (:session_id IS NULL OR follows.session_id = :session_id) AND one.start_ms >= coalesce(:since_ms, 0)
GROUP BY one.tool, one.command_class, later.tool, later.command_class
ORDER BY count(*) DESC, one.tool, one.command_class, later.tool, later.command_class
LIMIT coalesce(:limit, -1)
