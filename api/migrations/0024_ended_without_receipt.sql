-- Up Migration
-- The first version issued no receipts. Sessions that it ended are known by that it never said when one was ready; of all
-- others that were charged a missing receipt is a fault, also where there is no receipt at all to compare them with.
ALTER TABLE sessions ADD COLUMN ended_without_receipt boolean NOT NULL DEFAULT false;
UPDATE sessions session SET ended_without_receipt = true
WHERE ended_at IS NOT NULL AND seen_ready_at IS NULL
  AND NOT EXISTS (SELECT FROM receipts receipt WHERE receipt.session_id = session.id)
  AND ended_at < coalesce((SELECT min(issued_at) FROM receipts), 'infinity');
