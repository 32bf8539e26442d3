-- The sessions that go on with a session, and those that it goes on with.
--
-- Used by: the derived edges of a session
-- :session_id text  as the client names it
-- => session_id, later
--
-- `later` is 1 where the other one goes on with this one, 0 where this one does with it. Ordered by session_id, later.
SELECT DISTINCT other.session_id AS session_id, 1 AS later
FROM spans AS own
JOIN links_to ON links_to.target = 'spans/' || own.key
JOIN spans AS other ON other.key = substr(links_to.source, 7)
WHERE own.session_id = :session_id AND other.session_id <> :session_id
  AND links_to.label IN ('resumed_from', 'forked_from')
UNION
SELECT DISTINCT other.session_id, 0
FROM spans AS own
JOIN links_to ON links_to.key >= own.key || '.' AND links_to.key < own.key || '/'
JOIN spans AS other ON other.key = substr(links_to.target, 7)
WHERE own.session_id = :session_id AND other.session_id <> :session_id
  AND links_to.label IN ('resumed_from', 'forked_from')
ORDER BY session_id, later
