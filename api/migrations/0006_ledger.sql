-- Up Migration
-- Every credit becomes a lot, debts of players are booked, and the program's role moves money by functions alone: each
-- is one command, one round trip, and whole by itself. Commands are told the time; none looks at a clock.

ALTER TABLE wallet_accounts
  DROP CONSTRAINT wallet_accounts_kind_check,
  DROP CONSTRAINT wallet_accounts_check,
  DROP CONSTRAINT wallet_accounts_player_id_key,
  ADD CONSTRAINT wallet_accounts_kind_check
    CHECK (kind IN ('PlayerWallet', 'Receivable', 'Gateway', 'RefundPending', 'Revenue', 'Expense', 'Breakage')),
  ADD CONSTRAINT wallet_accounts_check CHECK (
    CASE kind
      WHEN 'PlayerWallet' THEN player_id IS NOT NULL AND id = 'wallet:' || player_id
      WHEN 'Receivable' THEN player_id IS NOT NULL AND id = 'receivable:' || player_id
      ELSE player_id IS NULL
    END
  ),
  ADD CONSTRAINT wallet_accounts_player_id_key UNIQUE (player_id, kind);

INSERT INTO wallet_accounts (id, kind) VALUES
  ('refunds:razorpay', 'RefundPending'),
  ('refunds:stars', 'RefundPending'),
  ('faults', 'Expense'),
  ('promotions', 'Expense'),
  ('adjustments', 'Expense'),
  ('expired', 'Breakage');

ALTER TABLE wallet_balances
  ADD COLUMN owed_paise bigint NOT NULL DEFAULT 0 CONSTRAINT wallet_owes_or_not CHECK (owed_paise >= 0),
  ADD COLUMN next_expiry_at timestamptz;
COMMENT ON COLUMN wallet_balances.owed_paise IS 'What its player owes us, of money that was taken back after it was spent. The next top-up repays it.';
COMMENT ON COLUMN wallet_balances.next_expiry_at IS 'No lot of this wallet expires before. Null: none ever does.';
CREATE INDEX wallet_balances_expiry ON wallet_balances (next_expiry_at) WHERE next_expiry_at IS NOT NULL;

ALTER TABLE wallet_transactions
  ADD COLUMN author text CHECK (length(author) BETWEEN 1 AND 100),
  ADD COLUMN reason text CHECK (length(reason) BETWEEN 1 AND 500),
  ADD COLUMN lot_id bigint,
  ADD COLUMN lot_expires_at timestamptz,
  DROP CONSTRAINT wallet_transactions_kind_check,
  DROP CONSTRAINT wallet_transactions_check,
  ADD CONSTRAINT wallet_transactions_kind_check CHECK (kind IN (
    'TopUp', 'Promotion', 'FaultCredit', 'Adjustment', 'Reversal', 'Play', 'Expiry',
    'RefundStarted', 'RefundCompleted', 'RefundReturned', 'ExternalRefund', 'Dispute')),
  ADD CONSTRAINT wallet_transactions_check CHECK ((kind IN ('Play', 'FaultCredit')) = (session_id IS NOT NULL)),
  ADD CONSTRAINT adjusted_by_somebody CHECK (kind <> 'Adjustment' OR (author IS NOT NULL AND reason IS NOT NULL)),
  ADD CONSTRAINT credited_for_a_reason CHECK (kind NOT IN ('FaultCredit', 'Promotion') OR reason IS NOT NULL);
COMMENT ON COLUMN wallet_transactions.lot_id IS 'The lot that it takes from first, or gives back to.';
COMMENT ON COLUMN wallet_transactions.lot_expires_at IS 'When the lot expires that it makes.';

-- A lot is one credit and what is left of it. The lots of a wallet add up to its balance.
CREATE TABLE wallet_lots (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id text NOT NULL REFERENCES wallet_balances,
  transaction_id bigint NOT NULL UNIQUE REFERENCES wallet_transactions,
  source text NOT NULL REFERENCES wallet_accounts,
  reference text,
  is_promotional boolean NOT NULL,
  is_refundable boolean NOT NULL,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  remainder_paise bigint NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  CONSTRAINT lot_remainder CHECK (remainder_paise BETWEEN 0 AND amount_paise),
  CHECK (NOT (is_promotional AND is_refundable))
);
CREATE INDEX wallet_lots_left ON wallet_lots (account_id) WHERE remainder_paise > 0;
CREATE INDEX wallet_lots_reference ON wallet_lots (source, reference);
ALTER TABLE wallet_transactions ADD FOREIGN KEY (lot_id) REFERENCES wallet_lots;
COMMENT ON COLUMN wallet_lots.source IS 'The account that it came from, to which alone a refund can go back.';

CREATE TABLE wallet_lot_moves (
  transaction_id bigint NOT NULL REFERENCES wallet_transactions,
  lot_id bigint NOT NULL REFERENCES wallet_lots,
  amount_paise bigint NOT NULL CHECK (amount_paise <> 0),
  PRIMARY KEY (transaction_id, lot_id)
);
CREATE INDEX wallet_lot_moves_lot ON wallet_lot_moves (lot_id);
COMMENT ON TABLE wallet_lot_moves IS 'Which lots each booking on a wallet took from, or put into.';

-- Wallets that are there already: each credit is a lot, and what was spent came out of the oldest.
INSERT INTO wallet_lots (account_id, transaction_id, source, reference, is_promotional, is_refundable, amount_paise,
  remainder_paise, created_at)
SELECT entry.account_id, entry.transaction_id, other.account_id, booked.reference, false, true, entry.amount_paise,
  least(entry.amount_paise, greatest(0, sum(entry.amount_paise) OVER (PARTITION BY entry.account_id ORDER BY entry.id) - (
    SELECT coalesce(-sum(spent.amount_paise), 0) FROM wallet_entries spent
    WHERE spent.account_id = entry.account_id AND spent.amount_paise < 0))),
  booked.at
FROM wallet_entries entry
JOIN wallet_transactions booked ON booked.id = entry.transaction_id
JOIN wallet_entries other ON other.transaction_id = booked.id AND other.account_id LIKE 'gateway:%'
WHERE entry.account_id LIKE 'wallet:%' AND entry.amount_paise > 0
ORDER BY entry.id;
INSERT INTO wallet_lot_moves (transaction_id, lot_id, amount_paise)
SELECT transaction_id, id, amount_paise FROM wallet_lots;
-- A booking of the past lies between two points of the wallet's spending, and so does what each lot gave: they overlap
-- by what that booking took from that lot.
INSERT INTO wallet_lot_moves (transaction_id, lot_id, amount_paise)
SELECT spent.transaction_id, lot.id, -(least(spent.upto, lot.upto) - greatest(spent.since, lot.since))
FROM (
  SELECT account_id, transaction_id,
    sum(-amount_paise) OVER sofar AS upto, sum(-amount_paise) OVER sofar + amount_paise AS since
  FROM wallet_entries WHERE account_id LIKE 'wallet:%' AND amount_paise < 0
  WINDOW sofar AS (PARTITION BY account_id ORDER BY id)
) spent JOIN (
  SELECT account_id, id, sum(amount_paise) OVER sofar AS upto, sum(amount_paise) OVER sofar - amount_paise AS since
  FROM wallet_lots WINDOW sofar AS (PARTITION BY account_id ORDER BY id)
) lot ON lot.account_id = spent.account_id AND lot.since < spent.upto AND spent.since < lot.upto;

-- Money on its way back to a player: debited first, and returned to its lot when the gateway cannot pay it out.
CREATE TABLE wallet_refunds (
  id text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 100),
  account_id text NOT NULL REFERENCES wallet_balances,
  lot_id bigint NOT NULL REFERENCES wallet_lots,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  state text NOT NULL DEFAULT 'Pending' CHECK (state IN ('Pending', 'Completed', 'Failed')),
  reference text,
  started_by bigint NOT NULL UNIQUE REFERENCES wallet_transactions,
  ended_by bigint UNIQUE REFERENCES wallet_transactions,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  CHECK ((state = 'Pending') = (ended_by IS NULL) AND (ended_by IS NULL) = (ended_at IS NULL))
);
CREATE INDEX wallet_refunds_pending ON wallet_refunds (started_at) WHERE state = 'Pending';
CREATE INDEX wallet_refunds_account ON wallet_refunds (account_id);
COMMENT ON COLUMN wallet_refunds.reference IS 'The refund at the gateway, once it is known there.';

-- What a session cost, as a numbered document. The foreign key lets no number be left out, and none be given twice.
CREATE TABLE receipt_series (
  series text PRIMARY KEY,
  last_number integer NOT NULL CHECK (last_number > 0)
);
CREATE TABLE receipts (
  series text NOT NULL CHECK (length(series) BETWEEN 1 AND 9),
  number integer NOT NULL CHECK (number > 0),
  previous integer GENERATED ALWAYS AS (nullif(number - 1, 0)) STORED,
  session_id text NOT NULL UNIQUE REFERENCES sessions,
  player_id text NOT NULL REFERENCES players,
  issued_at timestamptz NOT NULL,
  total_paise bigint NOT NULL CHECK (total_paise > 0),
  tax_name text NOT NULL,
  tax_basis_points integer NOT NULL CHECK (tax_basis_points BETWEEN 0 AND 10000),
  tax_paise bigint NOT NULL,
  lines jsonb NOT NULL CHECK (jsonb_typeof(lines) = 'array'),
  PRIMARY KEY (series, number),
  FOREIGN KEY (series, previous) REFERENCES receipts (series, number),
  -- The price includes the tax, which is rounded once, half up, over the whole document.
  CONSTRAINT tax_included CHECK (
    tax_paise = (2 * total_paise * tax_basis_points + 10000 + tax_basis_points) / (2 * (10000 + tax_basis_points)))
);
CREATE INDEX receipts_player ON receipts (player_id, issued_at DESC);

-- What a session's time was: stretches of play, and the interruptions between them.
CREATE TABLE session_stretches (
  session_id text NOT NULL REFERENCES sessions,
  kind text NOT NULL CHECK (kind IN ('Play', 'Interruption')),
  since timestamptz NOT NULL,
  seconds bigint CHECK (seconds >= 0),
  cause text,
  PRIMARY KEY (session_id, kind, since),
  CHECK ((kind = 'Interruption') = (cause IS NOT NULL))
);
COMMENT ON COLUMN session_stretches.seconds IS 'Null while it lasts.';
ALTER TABLE sessions ADD COLUMN seen_ready_at timestamptz;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON wallet_lot_moves
  FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON receipts FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON wallet_lots FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON wallet_refunds FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON wallet_lot_moves EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON wallet_lots EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON wallet_refunds EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON receipts EXECUTE FUNCTION wallet_refuse_change();

CREATE OR REPLACE FUNCTION wallet_start_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.posted_paise <> 0 OR NEW.held_paise <> 0 OR NEW.owed_paise <> 0 THEN
    RAISE EXCEPTION 'a wallet begins empty' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION wallet_refuse_direct_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 AND (NEW.posted_paise, NEW.held_paise, NEW.owed_paise)
    IS DISTINCT FROM (OLD.posted_paise, OLD.held_paise, OLD.owed_paise) THEN
    RAISE EXCEPTION 'balances follow entries and holds; they are never written by hand' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION wallet_refuse_direct_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'lots follow entries; they are never written by hand' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER followed BEFORE INSERT OR UPDATE ON wallet_lots FOR EACH ROW EXECUTE FUNCTION wallet_refuse_direct_lot();
CREATE TRIGGER followed BEFORE INSERT ON wallet_lot_moves FOR EACH ROW EXECUTE FUNCTION wallet_refuse_direct_lot();

CREATE FUNCTION wallet_end_refund_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'Pending' OR (NEW.id, NEW.account_id, NEW.lot_id, NEW.amount_paise, NEW.started_by, NEW.started_at)
    IS DISTINCT FROM (OLD.id, OLD.account_id, OLD.lot_id, OLD.amount_paise, OLD.started_by, OLD.started_at) THEN
    RAISE EXCEPTION 'refund % ends once, and nothing else of it changes', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER once BEFORE UPDATE ON wallet_refunds FOR EACH ROW EXECUTE FUNCTION wallet_end_refund_once();

-- The order in which lots are spent: promotional before paid, by expiry, then the oldest.
CREATE FUNCTION wallet_move_lots(moved_by wallet_transactions, wallet text, amount bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  lot record;
  origin text;
  part bigint;
  rest bigint := -amount;
BEGIN
  IF amount > 0 AND moved_by.lot_id IS NOT NULL THEN
    UPDATE wallet_lots SET remainder_paise = remainder_paise + amount
      WHERE id = moved_by.lot_id AND account_id = wallet;
    INSERT INTO wallet_lot_moves VALUES (moved_by.id, moved_by.lot_id, amount);
  ELSIF amount > 0 THEN
    SELECT account_id INTO origin FROM wallet_entries
      WHERE transaction_id = moved_by.id AND amount_paise < 0 ORDER BY id LIMIT 1;
    INSERT INTO wallet_lots (account_id, transaction_id, source, reference, is_promotional, is_refundable, amount_paise,
      remainder_paise, expires_at, created_at)
    VALUES (wallet, moved_by.id, origin, moved_by.reference, origin IN ('faults', 'promotions'),
      origin LIKE 'gateway:%', amount, amount, moved_by.lot_expires_at, moved_by.at)
    RETURNING id INTO lot;
    INSERT INTO wallet_lot_moves VALUES (moved_by.id, lot.id, amount);
    IF moved_by.lot_expires_at IS NOT NULL THEN
      UPDATE wallet_balances SET next_expiry_at = least(next_expiry_at, moved_by.lot_expires_at) WHERE account_id = wallet;
    END IF;
  ELSE
    FOR lot IN
      SELECT id, remainder_paise FROM wallet_lots
      WHERE account_id = wallet AND remainder_paise > 0 AND CASE
        WHEN moved_by.kind IN ('RefundStarted', 'Expiry') THEN id = moved_by.lot_id
        WHEN moved_by.kind IN ('ExternalRefund', 'Dispute') THEN NOT is_promotional -- A gift repays no debt.
        ELSE true
      END
      ORDER BY id = moved_by.lot_id DESC NULLS LAST, is_promotional DESC, expires_at NULLS LAST, id
    LOOP
      part := least(rest, lot.remainder_paise);
      UPDATE wallet_lots SET remainder_paise = remainder_paise - part WHERE id = lot.id;
      INSERT INTO wallet_lot_moves VALUES (moved_by.id, lot.id, -part);
      rest := rest - part;
      EXIT WHEN rest = 0;
    END LOOP;
    IF rest > 0 THEN
      RAISE EXCEPTION '% has no lots for % paise of transaction %', wallet, rest, moved_by.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_lots_cover';
    END IF;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION wallet_post_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  booked wallet_transactions;
BEGIN
  IF NEW.account_id LIKE 'wallet:%' THEN
    UPDATE wallet_balances SET posted_paise = posted_paise + NEW.amount_paise WHERE account_id = NEW.account_id;
    SELECT * INTO booked FROM wallet_transactions WHERE id = NEW.transaction_id;
    PERFORM wallet_move_lots(booked, NEW.account_id, NEW.amount_paise);
  ELSIF NEW.account_id LIKE 'receivable:%' THEN
    UPDATE wallet_balances SET owed_paise = owed_paise - NEW.amount_paise
      WHERE account_id = 'wallet:' || substr(NEW.account_id, length('receivable:') + 1);
  END IF;
  RETURN NULL;
END $$;

-- From here on the commands, called by the program and nobody else. They run with their owner's rights.

/* Head of a booking, once per key. */
CREATE FUNCTION wallet_book(
  kind text, idempotency_key text, input_hash bytea, session_id text, reference text, author text, reason text,
  lot_id bigint, lot_expires_at timestamptz, at timestamptz,
  OUT transaction_id bigint, OUT is_new boolean, OUT is_conflict boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  known bytea;
BEGIN
  INSERT INTO wallet_transactions AS booked (idempotency_key, input_hash, kind, session_id, reference, author, reason,
    lot_id, lot_expires_at, at)
  VALUES (idempotency_key, input_hash, kind, session_id, reference, author, reason, lot_id, lot_expires_at, at)
  ON CONFLICT DO NOTHING RETURNING booked.id INTO transaction_id;
  is_new := transaction_id IS NOT NULL;
  is_conflict := false;
  IF NOT is_new THEN
    -- The statement above has waited for whoever was booking under this key, so the row is there to be seen.
    SELECT booked.id, booked.input_hash INTO transaction_id, known FROM wallet_transactions booked
      WHERE booked.idempotency_key = wallet_book.idempotency_key;
    is_conflict := known <> wallet_book.input_hash;
  END IF;
END $$;

CREATE FUNCTION wallet_hash(VARIADIC input text[]) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN sha256(convert_to(array_to_string(input, E'\n'), 'UTF8'));

CREATE FUNCTION wallet_price(rate bigint, seconds bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN rate * seconds / 3600;

/* The most whole seconds whose price is at most so many paise. */
CREATE FUNCTION wallet_affordable(rate bigint, paise bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN CASE WHEN paise < 0 THEN 0 ELSE ((paise + 1) * 3600 - 1) / rate END;

/* What has expired leaves the wallet, but not what a hold stands on: held value does not expire. */
CREATE FUNCTION wallet_expire(wallet text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held bigint;
  lot record;
  part bigint;
  booked bigint;
  expired bigint := 0;
BEGIN
  SELECT held_paise INTO held FROM wallet_balances WHERE account_id = wallet FOR UPDATE;
  FOR lot IN
    SELECT id, remainder_paise, expires_at FROM wallet_lots WHERE account_id = wallet AND remainder_paise > 0
    ORDER BY is_promotional DESC, expires_at NULLS LAST, id
  LOOP
    part := greatest(0, lot.remainder_paise - held);
    held := greatest(0, held - lot.remainder_paise);
    CONTINUE WHEN part = 0 OR lot.expires_at IS NULL OR lot.expires_at > at;
    INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, lot_id, at)
      VALUES ('expiry:' || lot.id || ':' || gen_random_uuid(), wallet_hash('Expiry', lot.id::text), 'Expiry', lot.id, at)
      RETURNING id INTO booked;
    INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES (booked, wallet, -part), (booked, 'expired', part);
    expired := expired + part;
  END LOOP;
  UPDATE wallet_balances SET next_expiry_at = (
    SELECT min(expires_at) FROM wallet_lots WHERE account_id = wallet AND remainder_paise > 0
  ) WHERE account_id = wallet;
  RETURN expired;
END $$;

/* Locks a wallet until the end of the transaction, and sees it as it is at this time. */
CREATE FUNCTION wallet_lock(player text, at timestamptz) RETURNS wallet_balances LANGUAGE plpgsql AS $$
DECLARE
  wallet wallet_balances;
BEGIN
  SELECT * INTO wallet FROM wallet_balances WHERE account_id = 'wallet:' || player FOR UPDATE;
  IF wallet.next_expiry_at <= at THEN
    PERFORM wallet_expire(wallet.account_id, at);
    SELECT * INTO wallet FROM wallet_balances WHERE account_id = 'wallet:' || player;
  END IF;
  RETURN wallet;
END $$;

CREATE FUNCTION wallet_open(player text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM wallet_balances WHERE account_id = 'wallet:' || player;
  IF FOUND THEN
    RETURN;
  END IF;
  INSERT INTO wallet_accounts (id, kind, player_id) VALUES ('wallet:' || player, 'PlayerWallet', player) ON CONFLICT DO NOTHING;
  INSERT INTO wallet_balances (account_id) VALUES ('wallet:' || player) ON CONFLICT DO NOTHING;
END $$;

/* Money into a wallet. A debt is repaid first, but not out of what we give away. */
CREATE FUNCTION wallet_credit(
  kind text, player text, amount bigint, source text, reference text, idempotency_key text, session text, reason text,
  author text, expires_at timestamptz, at timestamptz,
  OUT outcome text, OUT is_new boolean, OUT transaction_id bigint, OUT repaid_paise bigint,
  OUT posted_paise bigint, OUT held_paise bigint, OUT owed_paise bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  booked record;
BEGIN
  PERFORM wallet_open(player);
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT * INTO booked FROM wallet_book(kind, idempotency_key,
    CASE kind
      WHEN 'TopUp' THEN wallet_hash(kind, player, amount::text, split_part(source, ':', 2), reference)
      -- What is paid for a fault may be configured anew meanwhile: the first word on it stands.
      WHEN 'FaultCredit' THEN wallet_hash(kind, player, session, reference)
      ELSE wallet_hash(kind, player, amount::text, source, reference, session, reason, author, extract(epoch FROM expires_at)::text)
    END,
    session, reference, author, reason, NULL, expires_at, at);
  transaction_id := booked.transaction_id;
  is_new := booked.is_new;
  outcome := CASE WHEN booked.is_conflict THEN 'IdempotencyConflict' ELSE 'Credited' END;
  repaid_paise := 0;
  IF is_new THEN
    IF kind IN ('TopUp', 'Reversal', 'Adjustment') THEN
      repaid_paise := least(wallet.owed_paise, amount);
    END IF;
    INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
    SELECT booked.transaction_id, account, paise FROM (VALUES
      (source, -amount), ('receivable:' || player, repaid_paise), ('wallet:' || player, amount - repaid_paise)
    ) AS entry (account, paise) WHERE paise <> 0;
  END IF;
  SELECT balance.posted_paise, balance.held_paise, balance.owed_paise INTO posted_paise, held_paise, owed_paise
    FROM wallet_balances balance WHERE balance.account_id = 'wallet:' || player;
END $$;

/* Money that somebody else has taken back. What is not in the wallet any more, or held for play, is owed. */
CREATE FUNCTION wallet_debit(
  kind text, player text, amount bigint, source text, payment text, reference text, idempotency_key text, at timestamptz,
  OUT outcome text, OUT is_new boolean, OUT transaction_id bigint, OUT debited_paise bigint,
  OUT posted_paise bigint, OUT held_paise bigint, OUT owed_paise bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  lot bigint;
  paid bigint;
  booked record;
BEGIN
  PERFORM wallet_open(player);
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT id INTO lot FROM wallet_lots WHERE wallet_lots.source = wallet_debit.source AND wallet_lots.reference = payment
    AND account_id = wallet.account_id ORDER BY remainder_paise DESC, id LIMIT 1;
  SELECT * INTO booked FROM wallet_book(kind, idempotency_key, wallet_hash(kind, player, amount::text, source, payment, reference),
    NULL, reference, NULL, NULL, lot, NULL, at);
  transaction_id := booked.transaction_id;
  is_new := booked.is_new;
  outcome := CASE WHEN booked.is_conflict THEN 'IdempotencyConflict' ELSE 'Debited' END;
  IF is_new THEN
    SELECT coalesce(sum(remainder_paise), 0) INTO paid FROM wallet_lots
      WHERE account_id = wallet.account_id AND NOT is_promotional AND remainder_paise > 0;
    debited_paise := least(amount, paid, wallet.posted_paise - wallet.held_paise);
    IF debited_paise < amount THEN
      INSERT INTO wallet_accounts (id, kind, player_id) VALUES ('receivable:' || player, 'Receivable', player) ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
    SELECT booked.transaction_id, account, paise FROM (VALUES
      (source, amount), ('receivable:' || player, debited_paise - amount), ('wallet:' || player, -debited_paise)
    ) AS entry (account, paise) WHERE paise <> 0;
  ELSE
    SELECT coalesce(-sum(amount_paise), 0) INTO debited_paise FROM wallet_entries entry
      WHERE entry.transaction_id = booked.transaction_id AND account_id = wallet.account_id;
  END IF;
  SELECT balance.posted_paise, balance.held_paise, balance.owed_paise INTO posted_paise, held_paise, owed_paise
    FROM wallet_balances balance WHERE balance.account_id = wallet.account_id;
END $$;

/* An operator takes out of a wallet, as far as it is free. (What an operator puts in is a credit.) */
CREATE FUNCTION wallet_take(
  player text, amount bigint, author text, reason text, idempotency_key text, at timestamptz,
  OUT outcome text, OUT is_new boolean, OUT transaction_id bigint,
  OUT posted_paise bigint, OUT held_paise bigint, OUT owed_paise bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  booked record;
BEGIN
  PERFORM wallet_open(player);
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT wallet.posted_paise, wallet.held_paise, wallet.owed_paise INTO posted_paise, held_paise, owed_paise;
  is_new := false;
  IF amount > posted_paise - held_paise AND NOT EXISTS (
    SELECT FROM wallet_transactions known WHERE known.idempotency_key = wallet_take.idempotency_key) THEN
    outcome := 'InsufficientFunds';
    RETURN;
  END IF;
  SELECT * INTO booked FROM wallet_book('Adjustment', idempotency_key,
    wallet_hash('Adjustment', player, (-amount)::text, author, reason), NULL, NULL, author, reason, NULL, NULL, at);
  transaction_id := booked.transaction_id;
  is_new := booked.is_new;
  outcome := CASE WHEN booked.is_conflict THEN 'IdempotencyConflict' ELSE 'Debited' END;
  IF is_new THEN
    INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
      VALUES (booked.transaction_id, wallet.account_id, -amount), (booked.transaction_id, 'adjustments', amount);
    posted_paise := posted_paise - amount;
  END IF;
END $$;

CREATE FUNCTION wallet_refund_start(
  refund text, player text, amount bigint, source text, payment text, author text, reason text, at timestamptz,
  OUT outcome text, OUT is_new boolean, OUT state text, OUT refundable_paise bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  lot wallet_lots;
  known wallet_refunds;
  booked record;
BEGIN
  SELECT * INTO wallet FROM wallet_lock(player, at);
  is_new := false;
  refundable_paise := 0;
  SELECT * INTO lot FROM wallet_lots WHERE wallet_lots.source = wallet_refund_start.source AND reference = payment
    AND account_id = wallet.account_id ORDER BY remainder_paise DESC, id LIMIT 1;
  SELECT * INTO known FROM wallet_refunds WHERE id = refund;
  IF known.id IS NOT NULL THEN
    state := known.state;
    outcome := 'Started';
    PERFORM FROM wallet_transactions WHERE id = known.started_by AND known.account_id = wallet.account_id
      AND input_hash = wallet_hash('RefundStarted', player, amount::text, source, payment);
    IF NOT FOUND THEN
      outcome := 'IdempotencyConflict';
    END IF;
    RETURN;
  END IF;
  IF lot.id IS NULL OR NOT lot.is_refundable THEN
    outcome := 'PaymentUnknown';
    RETURN;
  END IF;
  refundable_paise := least(lot.remainder_paise, wallet.posted_paise - wallet.held_paise);
  IF amount > refundable_paise THEN
    outcome := 'RefundTooLarge';
    RETURN;
  END IF;
  SELECT * INTO booked FROM wallet_book('RefundStarted', 'refund:' || refund || ':started',
    wallet_hash('RefundStarted', player, amount::text, source, payment), NULL, refund, author, reason, lot.id, NULL, at);
  IF NOT booked.is_new THEN -- Known by this id, and yet not this wallet's.
    outcome := 'IdempotencyConflict';
    RETURN;
  END IF;
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
    (booked.transaction_id, wallet.account_id, -amount),
    (booked.transaction_id, 'refunds:' || split_part(source, ':', 2), amount);
  INSERT INTO wallet_refunds (id, account_id, lot_id, amount_paise, started_by, started_at)
    VALUES (refund, wallet.account_id, lot.id, amount, booked.transaction_id, at);
  is_new := true;
  state := 'Pending';
  outcome := 'Started';
  refundable_paise := refundable_paise - amount;
END $$;

/* The money has reached the player, or has come back. */
CREATE FUNCTION wallet_refund_end(
  refund text, end_state text, reference text, at timestamptz, OUT outcome text, OUT is_new boolean, OUT amount_paise bigint, OUT player text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  known wallet_refunds;
  lot wallet_lots;
  booked record;
  kind text := CASE end_state WHEN 'Completed' THEN 'RefundCompleted' ELSE 'RefundReturned' END;
BEGIN
  is_new := false;
  SELECT * INTO known FROM wallet_refunds WHERE id = refund;
  IF known.id IS NULL THEN
    outcome := 'RefundUnknown';
    RETURN;
  END IF;
  PERFORM FROM wallet_balances WHERE account_id = known.account_id FOR UPDATE;
  SELECT * INTO known FROM wallet_refunds WHERE id = refund FOR UPDATE;
  amount_paise := known.amount_paise;
  player := substr(known.account_id, length('wallet:') + 1);
  outcome := 'Ended';
  IF known.state <> 'Pending' THEN
    outcome := CASE WHEN known.state = end_state THEN 'Ended' ELSE 'RefundEnded' END;
    RETURN;
  END IF;
  SELECT * INTO lot FROM wallet_lots WHERE id = known.lot_id;
  SELECT * INTO booked FROM wallet_book(kind, 'refund:' || refund || ':ended', wallet_hash(kind, refund), NULL,
    coalesce(reference, refund), NULL, NULL, lot.id, NULL, at);
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
    (booked.transaction_id, 'refunds:' || split_part(lot.source, ':', 2), -known.amount_paise),
    (booked.transaction_id, CASE end_state WHEN 'Completed' THEN lot.source ELSE known.account_id END, known.amount_paise);
  UPDATE wallet_refunds SET state = end_state, reference = wallet_refund_end.reference,
    ended_by = booked.transaction_id, ended_at = at WHERE id = refund;
  is_new := true;
END $$;

/* Holds the price of up to `block` seconds, or of what the wallet buys, but no less than `minimum`. */
CREATE FUNCTION wallet_hold_open(
  session text, player text, rate bigint, block bigint, minimum bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT hold wallet_holds
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  seconds bigint;
BEGIN
  PERFORM wallet_open(player); -- At the lowest rates a minute costs nothing.
  SELECT * INTO wallet FROM wallet_lock(player, at);
  available_paise := coalesce(wallet.posted_paise - wallet.held_paise, 0);
  seconds := least(block, wallet_affordable(rate, available_paise));
  IF seconds < minimum THEN
    outcome := 'InsufficientFunds';
    RETURN;
  END IF;
  INSERT INTO wallet_holds AS made (session_id, account_id, rate_paise_per_hour, paid_seconds, created_at)
    VALUES (session, wallet.account_id, rate, seconds, at) RETURNING made.* INTO hold;
  available_paise := available_paise - hold.held_paise;
  outcome := 'Held';
END $$;

/* Grows the hold to `seconds` in all, or as near to that as the wallet reaches. It never shrinks. */
CREATE FUNCTION wallet_hold_grow(
  session text, player text, seconds bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT has_grown boolean, OUT hold wallet_holds
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  reach bigint;
  before bigint;
BEGIN
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT * INTO hold FROM wallet_holds WHERE session_id = session AND account_id = wallet.account_id FOR UPDATE;
  has_grown := false;
  available_paise := coalesce(wallet.posted_paise - wallet.held_paise, 0);
  outcome := CASE WHEN hold.session_id IS NULL THEN 'HoldUnknown' WHEN hold.released_at IS NOT NULL THEN 'HoldReleased' ELSE 'Held' END;
  IF outcome <> 'Held' THEN
    RETURN;
  END IF;
  reach := wallet_affordable(hold.rate_paise_per_hour,
    wallet_price(hold.rate_paise_per_hour, hold.paid_seconds) + available_paise);
  reach := least(seconds, reach, 31536000);
  IF reach > hold.paid_seconds THEN
    before := hold.held_paise;
    UPDATE wallet_holds AS grown SET paid_seconds = reach WHERE session_id = session RETURNING grown.* INTO hold;
    available_paise := available_paise - hold.held_paise + before;
    has_grown := true;
  END IF;
END $$;

/* Charges the price of all seconds played so far, less what was charged before. What goes beyond the paid ones is free. */
CREATE FUNCTION wallet_charge(
  session text, player text, played bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT hold wallet_holds
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  due bigint;
  delta bigint;
  booked record;
BEGIN
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT * INTO hold FROM wallet_holds WHERE session_id = session AND account_id = wallet.account_id FOR UPDATE;
  available_paise := coalesce(wallet.posted_paise - wallet.held_paise, 0);
  outcome := 'Charged';
  IF hold.session_id IS NULL THEN
    outcome := 'HoldUnknown';
    RETURN;
  END IF;
  due := wallet_price(hold.rate_paise_per_hour, least(played, hold.paid_seconds));
  delta := due - hold.charged_paise;
  IF delta <= 0 THEN
    RETURN;
  END IF;
  IF hold.released_at IS NOT NULL THEN
    outcome := 'HoldReleased';
    RETURN;
  END IF;
  SELECT * INTO booked FROM wallet_book('Play', 'session:' || session || ':' || due,
    wallet_hash('Play', player, session, due::text), session, NULL, NULL, NULL, NULL, NULL, at);
  -- What is charged is no longer held, and only then may it leave the wallet.
  UPDATE wallet_holds AS charged SET charged_paise = due WHERE session_id = session RETURNING charged.* INTO hold;
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
    VALUES (booked.transaction_id, wallet.account_id, -delta), (booked.transaction_id, 'revenue', delta);
END $$;

/* Gives back what is still held. Nothing can be charged afterwards. */
CREATE FUNCTION wallet_release(
  session text, player text, at timestamptz, OUT outcome text, OUT available_paise bigint, OUT hold wallet_holds
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wallet wallet_balances;
  released bigint;
BEGIN
  SELECT * INTO wallet FROM wallet_lock(player, at);
  SELECT * INTO hold FROM wallet_holds WHERE session_id = session AND account_id = wallet.account_id FOR UPDATE;
  available_paise := coalesce(wallet.posted_paise - wallet.held_paise, 0);
  outcome := CASE WHEN hold.session_id IS NULL THEN 'HoldUnknown' ELSE 'Released' END;
  IF hold.session_id IS NOT NULL AND hold.released_at IS NULL THEN
    released := hold.held_paise;
    UPDATE wallet_holds AS freed SET released_at = at WHERE session_id = session RETURNING freed.* INTO hold;
    available_paise := available_paise + released;
  END IF;
END $$;

/* The session's document, made when there is none and something was charged. The total is what was charged. */
CREATE FUNCTION receipt_issue(
  session text, player text, its_series text, tax_name text, basis_points integer, lines jsonb, at timestamptz
) RETURNS receipts LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  total bigint;
  taken integer;
  made receipts;
BEGIN
  SELECT charged_paise INTO total FROM wallet_holds WHERE session_id = session FOR UPDATE;
  SELECT * INTO made FROM receipts WHERE session_id = session;
  IF made.number IS NOT NULL OR coalesce(total, 0) = 0 THEN
    RETURN made;
  END IF;
  INSERT INTO receipt_series AS counter (series, last_number) VALUES (its_series, 1)
    ON CONFLICT (series) DO UPDATE SET last_number = counter.last_number + 1 RETURNING last_number INTO taken;
  INSERT INTO receipts AS issued (series, number, session_id, player_id, issued_at, total_paise, tax_name,
    tax_basis_points, tax_paise, lines)
  VALUES (its_series, taken, session, player, at, total, tax_name, basis_points,
    (2 * total * basis_points + 10000 + basis_points) / (2 * (10000 + basis_points)), lines)
  RETURNING issued.* INTO made;
  RETURN made;
END $$;

-- Whoever migrates owns the books; who merely runs the program may read them, and move money by the commands above.
-- Called after each migration; repeated, it changes nothing.
CREATE FUNCTION grant_program(program name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  command regprocedure;
  kept regclass;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('grant_program')); -- Replicas may come up at once.
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', program);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', program);
  EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', program);
  FOR kept IN
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND (relname LIKE 'wallet\_%' OR relname IN ('receipts', 'receipt_series', 'schema_migrations'))
  LOOP
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON %s FROM %I', kept, program);
  END LOOP;
  FOR command IN
    SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', command);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', command, program);
  END LOOP;
END $$;
