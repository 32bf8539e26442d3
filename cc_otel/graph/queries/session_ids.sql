-- The ids of the sessions that begin with a text.
--
-- :prefix  what they begin with; null takes any
-- :limit   how many at most; all where it is null
--
-- Ordered by session_id. Not with substr and length, which stop at a NUL in the text.
SELECT session_id
FROM sessions
WHERE :prefix IS NULL OR instr(session_id, :prefix) = 1
ORDER BY session_id
LIMIT coalesce(:limit, -1)
