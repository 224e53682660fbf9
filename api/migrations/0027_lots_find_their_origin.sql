-- Up Migration
-- As before, but for how the origin of a lot is found: ordered by id and limited to one row, a plan that a connection had
-- made while there were few entries walked all of them in that order, for every credit.
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
    SELECT (array_agg(account_id ORDER BY id))[1] INTO origin FROM wallet_entries
      WHERE transaction_id = moved_by.id AND amount_paise < 0;
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
