-- The ids of the sessions that begin with a text.
--
-- Used by: every command that takes the beginning of a session's id
-- :prefix text  what they begin with
-- :since_ms real  only those that were active then or later
-- :until_ms real  only those that were active last before then
-- :limit integer  how many at most
-- => session_id
--
-- Ordered by session_id. Not with substr and length, which stop at a NUL in the text. A session of which no span is
-- left is none.
SELECT session_id
FROM sessions
WHERE (:prefix IS NULL OR instr(session_id, :prefix) = 1)
  AND EXISTS (SELECT 1 FROM spans WHERE spans.session_id = sessions.session_id)
  AND (
    (:since_ms IS NULL AND :until_ms IS NULL)
    OR (
      SELECT max(start_ms) >= coalesce(:since_ms, -9e999) AND max(start_ms) < coalesce(:until_ms, 9e999)
      FROM spans WHERE spans.session_id = sessions.session_id
    )
  )
ORDER BY session_id
LIMIT coalesce(:limit, -1)
