-- Up Migration
-- What the end of a hold sets free beside a debt repays it at once: nobody plays on money that is owed.
ALTER TABLE wallet_transactions
  DROP CONSTRAINT wallet_transactions_kind_check,
  ADD CONSTRAINT wallet_transactions_kind_check CHECK (kind IN (
    'TopUp', 'Promotion', 'FaultCredit', 'Adjustment', 'Reversal', 'Play', 'Expiry', 'Repayment',
    'RefundStarted', 'RefundCompleted', 'RefundReturned', 'ExternalRefund', 'Dispute'));

-- As before, but that a repayment takes from what was paid in alone.
CREATE OR REPLACE FUNCTION wallet_move_lots(moved_by wallet_transactions, wallet text, amount bigint) RETURNS void
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
        WHEN moved_by.kind IN ('ExternalRefund', 'Dispute', 'Repayment') THEN NOT is_promotional -- A gift repays no debt.
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

/* Repays of a debt what was paid in and is free, and leaves live holds and gifts alone. The paise repaid; often none. */
CREATE FUNCTION wallet_repay(player text, idempotency_key text, reference text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  wallet wallet_balances;
  paid bigint;
  repaid bigint;
  booked record;
BEGIN
  SELECT * INTO wallet FROM wallet_balances WHERE account_id = 'wallet:' || player FOR UPDATE;
  IF coalesce(wallet.owed_paise, 0) = 0 THEN
    RETURN 0;
  END IF;
  SELECT coalesce(sum(remainder_paise), 0) INTO paid FROM wallet_lots
    WHERE account_id = wallet.account_id AND NOT is_promotional AND remainder_paise > 0;
  repaid := least(wallet.owed_paise, paid, wallet.posted_paise - wallet.held_paise);
  IF repaid <= 0 THEN
    RETURN 0;
  END IF;
  SELECT * INTO booked FROM wallet_book('Repayment', idempotency_key, wallet_hash('Repayment', player, reference),
    NULL, reference, NULL, NULL, NULL, NULL, at);
  IF NOT booked.is_new THEN
    RETURN 0;
  END IF;
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
    VALUES (booked.transaction_id, wallet.account_id, -repaid), (booked.transaction_id, 'receivable:' || player, repaid);
  RETURN repaid;
END $$;

/* Gives back what is still held, after a debt was repaid from it. Nothing can be charged afterwards. */
CREATE OR REPLACE FUNCTION wallet_release(
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
    available_paise := available_paise + released - wallet_repay(player, 'session:' || session || ':repayment', session, at);
  END IF;
END $$;

-- What stands free beside a debt by now.
SELECT wallet_repay(account.player_id, 'repayment:' || account.player_id || ':0015', NULL, now())
FROM wallet_balances balance JOIN wallet_accounts account ON account.id = balance.account_id WHERE owed_paise > 0;
