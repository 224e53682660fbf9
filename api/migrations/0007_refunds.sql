-- Up Migration
-- Money that goes back, by gateway. What it did to the wallet stands in the ledger; here stands how far it is outside.
CREATE TABLE refunds (
  id text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 40),
  rail text NOT NULL,
  payment_id text NOT NULL,
  gateway_id text,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  asked_by text NOT NULL CHECK (asked_by IN ('Player', 'Operator', 'Gateway')),
  author text,
  reason text,
  state text NOT NULL CHECK (state IN ('Pending', 'Processed', 'Failed')),
  failure text,
  asked_at timestamptz NOT NULL,
  ended_at timestamptz,
  look_at timestamptz,
  FOREIGN KEY (rail, payment_id) REFERENCES payments (rail, id),
  UNIQUE (rail, gateway_id),
  CHECK ((state = 'Pending') = (ended_at IS NULL)),
  CHECK ((asked_by = 'Operator') = (author IS NOT NULL))
);
CREATE INDEX refunds_payment ON refunds (rail, payment_id);
CREATE INDEX refunds_pending ON refunds (look_at) WHERE state = 'Pending';
COMMENT ON COLUMN refunds.id IS 'Also the idempotency key and the receipt at the gateway. For one that we did not ask for, the gateway''s own id.';
COMMENT ON COLUMN refunds.asked_by IS 'Gateway: made in its dashboard, and learnt of afterwards.';
COMMENT ON COLUMN refunds.look_at IS 'When the gateway is next asked how a pending one stands. Null: it was not told of it yet.';

CREATE TABLE disputes (
  rail text NOT NULL,
  id text NOT NULL,
  payment_id text NOT NULL,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  state text NOT NULL CHECK (state IN ('Open', 'Won', 'Lost')),
  opened_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (rail, id),
  FOREIGN KEY (rail, payment_id) REFERENCES payments (rail, id),
  CHECK ((state = 'Open') = (ended_at IS NULL))
);
CREATE INDEX disputes_payment ON disputes (rail, payment_id);
CREATE INDEX disputes_open ON disputes (opened_at) WHERE state = 'Open';

-- How far each gateway's list of movements was read.
CREATE TABLE rail_cursors (
  rail text PRIMARY KEY,
  position text,
  read_at timestamptz NOT NULL
);
COMMENT ON COLUMN rail_cursors.position IS 'The rail''s own words. Null: from as far back as it goes.';

CREATE INDEX razorpay_webhooks_old ON razorpay_webhooks (received_at) WHERE worked_off_at IS NOT NULL;

-- The oldest first, without sorting all that wait.
CREATE INDEX queue_items_ready ON queue_items (topic, id) WHERE dead_at IS NULL AND claim IS NULL;
