-- Up Migration
-- A second payment of a top-up may be taken days after the first: one that is credited is asked about as well, for as long
-- as a late authorisation takes. What was credited before this is not: the list of payments told of it.
UPDATE top_ups SET look_at = NULL WHERE look_at IS NOT NULL AND credited_at IS NOT NULL;
CREATE INDEX top_ups_looked_at ON top_ups (look_at) WHERE look_at IS NOT NULL;
