-- Up Migration
-- Broken promises beyond those that a player is paid for in a day by the program itself: a person decides over each.
CREATE TABLE proposed_credits (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  session_id text NOT NULL REFERENCES sessions,
  player_id text NOT NULL REFERENCES players,
  fault text NOT NULL CHECK (fault IN ('StartFailed', 'StartLate', 'RecoverySlow')),
  occurrence text NOT NULL,
  amount_paise bigint NOT NULL CHECK (amount_paise > 0),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  days integer NOT NULL CHECK (days > 0),
  found_at timestamptz NOT NULL,
  decision text CHECK (decision IN ('Approved', 'Declined')),
  decided_at timestamptz,
  decided_by text CHECK (length(decided_by) BETWEEN 1 AND 100),
  decided_because text CHECK (length(decided_because) BETWEEN 1 AND 500),
  UNIQUE (session_id, fault, occurrence),
  CHECK ((decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)
    AND (decision IS NOT DISTINCT FROM 'Declined') = (decided_because IS NOT NULL))
);
CREATE INDEX proposed_credits_open ON proposed_credits (id) WHERE decision IS NULL;
COMMENT ON COLUMN proposed_credits.occurrence IS 'Which of several of one kind, such as the beginning of an interruption; empty where there is but one.';
COMMENT ON COLUMN proposed_credits.days IS 'For which it can be spent once it is approved.';
