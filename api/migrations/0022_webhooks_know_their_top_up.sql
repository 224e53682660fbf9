-- Up Migration
-- In a webhook's body stand the payer's e-mail address, telephone number and UPI address: once it is worked off it has to be
-- known whose they are, so that they go with their player.
ALTER TABLE razorpay_webhooks ADD COLUMN top_up_id text;
UPDATE razorpay_webhooks webhook SET top_up_id = payment.top_up_id FROM payments payment
  WHERE worked_off_at IS NOT NULL AND payment.rail = 'Razorpay'
    AND payment.id = substring(raw_body FROM '"(pay_[0-9A-Za-z]+)"');
CREATE INDEX razorpay_webhooks_top_up ON razorpay_webhooks (top_up_id) WHERE top_up_id IS NOT NULL;
COMMENT ON COLUMN razorpay_webhooks.top_up_id IS 'Of what it tells, once that is worked off. Null: of none of ours, or not known.';
