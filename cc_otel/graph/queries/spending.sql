-- What model calls cost by the tool, skill or MCP server that they asked for, the most expensive first.
--
-- Used by: `cc-otel query spending`
-- :by text of tool|skill|mcp = tool  what a row is
-- :session_id text  of this session
-- :since_ms real  only model calls that began then or later, ms since the epoch
-- :until_ms real  only model calls that began before then, ms since the epoch
-- => name, asked, cost_usd, unpriced_calls
--
-- A model call's cost is shared evenly among the calls that it asked for, each of which counts once; asked counts these.
-- What asked for nothing, or for none of the kind, is in the row without a name, so that the sums equal the total of
-- `cost`. unpriced_calls are shared likewise. Only model calls that we tell of count. Ordered by cost_usd descending
-- (null last), name.
WITH
  chat AS (
    SELECT chat.key, chat.cost_usd
    FROM (
      SELECT * FROM spans WHERE :session_id IS NOT NULL AND session_id = :session_id
      UNION ALL
      SELECT * FROM spans INDEXED BY spans_start WHERE :session_id IS NULL AND start_ms >= coalesce(:since_ms, 0)
    ) AS chat
    WHERE chat.kind = 'chat' AND (chat.status <> 'ERROR' OR chat.input_tokens IS NOT NULL) AND chat.dialect IS NULL
      AND (:since_ms IS NULL OR chat.start_ms >= :since_ms) AND (:until_ms IS NULL OR chat.start_ms < :until_ms)
  ),
  share AS (
    SELECT
      chat.key, chat.cost_usd, asked_for.target, count(*) OVER (PARTITION BY chat.key) AS shares,
      (
        SELECT CASE WHEN :by = 'mcp' THEN tools.server ELSE tools.name END
        FROM used JOIN tools ON tools.key = substr(used.target, 7)
        WHERE used.key >= substr(asked_for.target, 7) AND used.key < substr(asked_for.target, 7) || '/'
          AND (tools.class = coalesce(:by, 'tool') OR (coalesce(:by, 'tool') = 'tool' AND tools.class = 'mcp'))
        ORDER BY used.key LIMIT 1
      ) AS name
    FROM chat LEFT JOIN asked_for ON asked_for.key >= chat.key AND asked_for.key < chat.key || '/'
  )
SELECT
  name, count(target) AS asked, sum(cost_usd / shares) AS cost_usd,
  total(CASE WHEN cost_usd IS NULL THEN 1.0 / shares END) AS unpriced_calls
FROM share
GROUP BY name
ORDER BY sum(cost_usd / shares) IS NULL, sum(cost_usd / shares) DESC, name
