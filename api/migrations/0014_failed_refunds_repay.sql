-- Up Migration
-- A refund that fails repays what became owed while it was under way, as a top-up does; the rest returns to its lot.
CREATE OR REPLACE FUNCTION wallet_refund_end(
  refund text, end_state text, reference text, at timestamptz, OUT outcome text, OUT is_new boolean, OUT amount_paise bigint, OUT player text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  known wallet_refunds;
  wallet wallet_balances;
  lot wallet_lots;
  booked record;
  repaid bigint := 0;
  kind text := CASE end_state WHEN 'Completed' THEN 'RefundCompleted' ELSE 'RefundReturned' END;
BEGIN
  is_new := false;
  SELECT * INTO known FROM wallet_refunds WHERE id = refund;
  IF known.id IS NULL THEN
    outcome := 'RefundUnknown';
    RETURN;
  END IF;
  SELECT * INTO wallet FROM wallet_balances WHERE account_id = known.account_id FOR UPDATE;
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
  IF end_state = 'Failed' THEN
    repaid := least(wallet.owed_paise, known.amount_paise);
  END IF;
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
  SELECT booked.transaction_id, account, paise FROM (VALUES
    ('refunds:' || split_part(lot.source, ':', 2), -known.amount_paise),
    ('receivable:' || player, repaid),
    (CASE end_state WHEN 'Completed' THEN lot.source ELSE known.account_id END, known.amount_paise - repaid)
  ) AS entry (account, paise) WHERE paise <> 0;
  UPDATE wallet_refunds SET state = end_state, reference = wallet_refund_end.reference,
    ended_by = booked.transaction_id, ended_at = at WHERE id = refund;
  is_new := true;
END $$;
