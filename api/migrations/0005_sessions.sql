-- Up Migration
-- What a player asked for, and what was last seen of it in Kubernetes. What it may cost stands in wallet_holds.
CREATE TABLE sessions (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-hjkmnp-tv-z]{26}$'),
  player_id text NOT NULL REFERENCES players,
  game text NOT NULL,
  tier text NOT NULL,
  regions text[] NOT NULL CHECK (cardinality(regions) BETWEEN 1 AND 8),
  created_at timestamptz NOT NULL,

  desired_state text NOT NULL DEFAULT 'Running' CHECK (desired_state IN ('Running', 'Paused', 'Ended')),
  command bigint NOT NULL DEFAULT 0,
  command_applied bigint NOT NULL DEFAULT 0 CHECK (command_applied <= command),

  object_uid text,
  seen_version text,
  seen_phase text,
  seen_host text,
  seen_seconds bigint NOT NULL DEFAULT 0 CHECK (seen_seconds >= 0),
  seen_since timestamptz,
  seen_interruptions jsonb NOT NULL DEFAULT '[]',

  told text NOT NULL DEFAULT 'Nothing' CHECK (told IN ('Nothing', 'Waiting', 'Ready', 'Recovering', 'Paused', 'Failed')),
  told_interruption text,
  told_minutes_left integer,
  meter_at timestamptz NOT NULL,

  ended_at timestamptz,
  end_reason text,
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE UNIQUE INDEX sessions_one_active ON sessions (player_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_meter ON sessions (meter_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_player ON sessions (player_id, created_at DESC);
COMMENT ON COLUMN sessions.command IS 'Counts the player''s commands; above command_applied, the newest is still to be applied.';
COMMENT ON COLUMN sessions.object_uid IS 'The UID first seen. An object of another UID is another object.';
COMMENT ON COLUMN sessions.told IS 'What the player was last told of it.';
COMMENT ON COLUMN sessions.told_interruption IS 'The beginning of the last interruption whose end the player was told of.';

ALTER TABLE wallet_holds ADD FOREIGN KEY (session_id) REFERENCES sessions DEFERRABLE INITIALLY DEFERRED;
