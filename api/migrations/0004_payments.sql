-- Up Migration
CREATE TABLE top_ups (
  id text PRIMARY KEY,
  token text NOT NULL UNIQUE CHECK (length(token) >= 32),
  player_id text NOT NULL REFERENCES players,
  rail text NOT NULL CHECK (rail IN ('Razorpay', 'Stars')),
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  stars bigint CHECK (stars > 0),
  paise_per_star bigint CHECK (paise_per_star > 0),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  link_id text UNIQUE,
  link_url text,
  look_at timestamptz,
  credited_at timestamptz,
  CHECK ((rail = 'Stars') = (stars IS NOT NULL AND paise_per_star IS NOT NULL)),
  CHECK (rail <> 'Stars' OR amount_paise = stars * paise_per_star),
  CHECK ((link_id IS NULL) = (link_url IS NULL))
);
CREATE INDEX top_ups_player ON top_ups (player_id, created_at DESC);
CREATE INDEX top_ups_look ON top_ups (look_at) WHERE look_at IS NOT NULL AND credited_at IS NULL;
COMMENT ON COLUMN top_ups.token IS 'Opaque; whoever knows it sees the page on which the top-up is paid.';
COMMENT ON COLUMN top_ups.paise_per_star IS 'The rate at the time of the invoice, which holds whenever it is paid.';
COMMENT ON COLUMN top_ups.look_at IS 'When the gateway is next asked whether it was paid without our being told. Null: never.';

-- Money that a gateway has taken for us. Its id there is the key by which it is credited once.
CREATE TABLE payments (
  rail text NOT NULL CHECK (rail IN ('Razorpay', 'Stars')),
  id text NOT NULL,
  top_up_id text NOT NULL REFERENCES top_ups,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  transaction_id bigint NOT NULL UNIQUE REFERENCES wallet_transactions,
  credited_at timestamptz NOT NULL,
  PRIMARY KEY (rail, id)
);
CREATE INDEX payments_top_up ON payments (top_up_id);

-- Verified webhooks, as they came. One body is one delivery, under whatever event id it is repeated.
CREATE TABLE razorpay_webhooks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body_hash bytea NOT NULL UNIQUE,
  raw_body text NOT NULL,
  event_id text,
  received_at timestamptz NOT NULL,
  worked_off_at timestamptz,
  outcome text
);
