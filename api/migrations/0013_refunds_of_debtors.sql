-- Up Migration
-- What a hold set free, or a failed refund brought back, may stand in the wallet of somebody who owes as much: it can be
-- played, but it does not go back to them.
CREATE OR REPLACE FUNCTION wallet_refund_start(
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
  refundable_paise := greatest(0, least(lot.remainder_paise, wallet.posted_paise - wallet.held_paise - wallet.owed_paise));
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
