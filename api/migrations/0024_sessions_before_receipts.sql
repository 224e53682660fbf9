-- Up Migration
-- The first version issued no receipts. Sessions that it ended are known by that it never said when one was ready; of all
-- others that were charged a missing receipt is a fault, also where there is no receipt at all to compare them with.
-- (A table, not a column: to add one to sessions fails each statement that a running replica has prepared on it, once.)
CREATE TABLE sessions_before_receipts (session_id text PRIMARY KEY REFERENCES sessions);
INSERT INTO sessions_before_receipts
SELECT id FROM sessions session
WHERE ended_at IS NOT NULL AND seen_ready_at IS NULL
  AND NOT EXISTS (SELECT FROM receipts receipt WHERE receipt.session_id = session.id)
  AND ended_at < coalesce((SELECT min(issued_at) FROM receipts), 'infinity');
