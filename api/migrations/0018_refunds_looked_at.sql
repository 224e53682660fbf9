-- Up Migration
-- A refund has the time of its first look from when it is asked for: one whose item is lost is found by it.
COMMENT ON COLUMN refunds.look_at IS 'When a pending one is next looked at: how it stands at the gateway, and whether it is known there. Null: it has ended, or was asked for by a version that set none before the gateway knew of it.';
