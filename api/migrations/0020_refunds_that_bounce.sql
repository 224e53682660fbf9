-- Up Migration
-- A bank may send back what a gateway has paid out: such refunds are asked about, too, for some weeks.
CREATE INDEX refunds_paid_out ON refunds (ended_at) WHERE state = 'Processed' AND rail = 'Razorpay';
COMMENT ON COLUMN refunds.look_at IS 'When the gateway is next asked how one stands that is pending, or was paid out lately. Null: a pending one was asked for by a version that set none before the gateway knew of it; another has ended, and is asked about a day later where it can still come back.';
