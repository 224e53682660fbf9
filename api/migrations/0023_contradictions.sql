-- Up Migration
-- What books and gateways, or books and cluster, contradict each other over. Kept here and not in a process: each is told
-- once, whichever replica meets it and however often, and counts as open until it has gone by itself or a person says so.
CREATE TABLE contradictions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  found_at timestamptz NOT NULL,
  resolved_at timestamptz,
  resolved_by text CHECK (length(resolved_by) BETWEEN 1 AND 100),
  resolution text CHECK (length(resolution) BETWEEN 1 AND 500),
  UNIQUE (code, subject),
  CHECK ((resolved_by IS NULL) = (resolution IS NULL) AND (resolved_by IS NULL OR resolved_at IS NOT NULL))
);
CREATE INDEX contradictions_open ON contradictions (code, subject) WHERE resolved_at IS NULL;
COMMENT ON COLUMN contradictions.resolved_by IS 'The person who has looked: it is not told again. Null beside a time: it went by itself, and is told again when it comes back.';
