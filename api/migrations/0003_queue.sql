-- Up Migration
-- One queue for outbox, webhooks and both directions of the bot. An item that is done is deleted; one that failed too
-- often stays, with `dead_at`, until a person has looked.

CREATE TABLE queue_items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  key text NOT NULL,
  payload jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  available_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  claim uuid,
  claimed_until timestamptz,
  last_error text,
  dead_at timestamptz,
  CHECK ((claim IS NULL) = (claimed_until IS NULL)),
  CHECK (claim IS NULL OR dead_at IS NULL)
);
CREATE INDEX queue_items_order ON queue_items (topic, key, id) WHERE dead_at IS NULL;
CREATE INDEX queue_items_available ON queue_items (topic, available_at) WHERE dead_at IS NULL AND claim IS NULL;
CREATE INDEX queue_items_dead ON queue_items (dead_at) WHERE dead_at IS NOT NULL;
-- Never two items of one key at work, whatever two workers saw in the same moment.
CREATE UNIQUE INDEX queue_items_one_per_key ON queue_items (topic, key) WHERE claim IS NOT NULL;

-- By what a repetition is known, also long after the first was done.
CREATE TABLE queue_seen (
  topic text NOT NULL,
  dedupe_key text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (topic, dedupe_key)
);
CREATE INDEX queue_seen_age ON queue_seen (seen_at);

CREATE FUNCTION queue_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('queue', NEW.topic);
  RETURN NULL;
END $$;
CREATE TRIGGER wake AFTER INSERT ON queue_items FOR EACH ROW EXECUTE FUNCTION queue_wake();
