-- Up Migration
-- Double entry. The database itself sees to it that each transaction sums to zero, that nothing written is ever changed,
-- that balances are what the entries and holds say, and that no wallet falls below zero or below what it holds.

CREATE TABLE wallet_accounts (
  id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('PlayerWallet', 'Gateway', 'Revenue')),
  player_id text UNIQUE REFERENCES players,
  CHECK ((kind = 'PlayerWallet') = (player_id IS NOT NULL))
);
COMMENT ON TABLE wallet_accounts IS 'Where money is or comes from. An amount above zero in a wallet is what we owe its player.';

INSERT INTO wallet_accounts (id, kind) VALUES
  ('gateway:razorpay', 'Gateway'),
  ('gateway:stars', 'Gateway'),
  ('revenue', 'Revenue');

-- Wallets alone: a running balance of an account that every booking touches would make all of them wait for one row.
CREATE TABLE wallet_balances (
  account_id text PRIMARY KEY REFERENCES wallet_accounts,
  posted_paise bigint NOT NULL DEFAULT 0 CONSTRAINT wallet_not_below_zero CHECK (posted_paise >= 0),
  held_paise bigint NOT NULL DEFAULT 0 CHECK (held_paise >= 0),
  CONSTRAINT wallet_covers_holds CHECK (held_paise <= posted_paise)
);

CREATE TABLE wallet_transactions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  idempotency_key text NOT NULL UNIQUE CHECK (length(idempotency_key) BETWEEN 1 AND 200),
  input_hash bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('TopUp', 'Play')),
  session_id text,
  reference text,
  at timestamptz NOT NULL,
  CHECK ((kind = 'Play') = (session_id IS NOT NULL))
);
CREATE INDEX wallet_transactions_session ON wallet_transactions (session_id) WHERE session_id IS NOT NULL;
COMMENT ON COLUMN wallet_transactions.input_hash IS 'SHA-256 of what was asked, so that a key used for something else is noticed.';
COMMENT ON COLUMN wallet_transactions.reference IS 'The payment at the gateway, or what else the booking stands on.';

CREATE TABLE wallet_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id bigint NOT NULL REFERENCES wallet_transactions,
  account_id text NOT NULL REFERENCES wallet_accounts,
  amount_paise bigint NOT NULL CHECK (amount_paise <> 0),
  UNIQUE (transaction_id, account_id)
);
CREATE INDEX wallet_entries_account ON wallet_entries (account_id, id DESC);

-- What a session may cost and has cost. Cumulative: to ask for the same again changes nothing.
CREATE TABLE wallet_holds (
  session_id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES wallet_balances,
  rate_paise_per_hour bigint NOT NULL CHECK (rate_paise_per_hour > 0),
  paid_seconds bigint NOT NULL CHECK (paid_seconds BETWEEN 1 AND 31536000),
  charged_paise bigint NOT NULL DEFAULT 0 CHECK (charged_paise >= 0),
  created_at timestamptz NOT NULL,
  released_at timestamptz,
  held_paise bigint NOT NULL GENERATED ALWAYS AS (
    CASE WHEN released_at IS NULL THEN rate_paise_per_hour * paid_seconds / 3600 - charged_paise ELSE 0 END
  ) STORED,
  CONSTRAINT charged_within_paid CHECK (charged_paise <= rate_paise_per_hour * paid_seconds / 3600)
);
CREATE INDEX wallet_holds_account ON wallet_holds (account_id);

CREATE FUNCTION wallet_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: correct a booking by another one', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON wallet_transactions
  FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON wallet_entries
  FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON wallet_transactions EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON wallet_entries EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON wallet_holds FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON wallet_balances FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();

-- Deferred, since the entries of one transaction come one after another.
CREATE FUNCTION wallet_require_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  booked bigint := CASE TG_TABLE_NAME WHEN 'wallet_entries' THEN (to_jsonb(NEW) ->> 'transaction_id')::bigint ELSE (to_jsonb(NEW) ->> 'id')::bigint END;
  total numeric;
  parts bigint;
BEGIN
  SELECT coalesce(sum(amount_paise), 0), count(*) INTO total, parts FROM wallet_entries WHERE transaction_id = booked;
  IF total <> 0 OR parts < 2 THEN
    RAISE EXCEPTION 'transaction % has % entries that sum to % paise, not to zero', booked, parts, total
      USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_zero_sum';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER zero_sum AFTER INSERT ON wallet_transactions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_require_zero_sum();
CREATE CONSTRAINT TRIGGER zero_sum AFTER INSERT ON wallet_entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_require_zero_sum();

-- The balance follows the entries and the holds, and nothing else moves it.
CREATE FUNCTION wallet_post_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wallet_balances SET posted_paise = posted_paise + NEW.amount_paise WHERE account_id = NEW.account_id;
  RETURN NULL;
END $$;
CREATE TRIGGER post AFTER INSERT ON wallet_entries FOR EACH ROW EXECUTE FUNCTION wallet_post_entry();

CREATE FUNCTION wallet_follow_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before bigint := 0;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.account_id <> OLD.account_id OR NEW.session_id <> OLD.session_id
      OR NEW.rate_paise_per_hour <> OLD.rate_paise_per_hour OR NEW.paid_seconds < OLD.paid_seconds
      OR NEW.charged_paise < OLD.charged_paise OR (OLD.released_at IS NOT NULL AND NEW IS DISTINCT FROM OLD) THEN
      RAISE EXCEPTION 'the hold of session % only grows, at the rate it was made at, until it is released', OLD.session_id
        USING ERRCODE = 'restrict_violation';
    END IF;
    before := OLD.held_paise;
  END IF;
  IF NEW.held_paise <> before THEN
    UPDATE wallet_balances SET held_paise = held_paise + NEW.held_paise - before WHERE account_id = NEW.account_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT OR UPDATE ON wallet_holds FOR EACH ROW EXECUTE FUNCTION wallet_follow_hold();

CREATE FUNCTION wallet_refuse_direct_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'balances follow entries and holds; they are never written by hand' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER followed BEFORE UPDATE ON wallet_balances FOR EACH ROW EXECUTE FUNCTION wallet_refuse_direct_change();

CREATE FUNCTION wallet_start_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.posted_paise <> 0 OR NEW.held_paise <> 0 THEN
    RAISE EXCEPTION 'a wallet begins empty' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER empty BEFORE INSERT ON wallet_balances FOR EACH ROW EXECUTE FUNCTION wallet_start_empty();
