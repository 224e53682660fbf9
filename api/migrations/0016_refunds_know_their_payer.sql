-- Up Migration
-- Stars go back to whoever paid them, also when the account was deleted meanwhile, or before they were paid.
ALTER TABLE refunds ADD COLUMN payer_id bigint;
COMMENT ON COLUMN refunds.payer_id IS 'Who paid Stars, as Telegram knows them; forgotten once the refund has ended.';
COMMENT ON COLUMN refunds.id IS 'Also the idempotency key and the receipt at the gateway, where we asked for it.';
