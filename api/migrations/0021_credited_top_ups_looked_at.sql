-- Up Migration
-- A second payment of a top-up may be taken days after the first: one that is credited is asked about as well, for the four
-- days that a late authorisation takes. What was credited before this is, too: the list of what has moved goes by when a
-- payment was made, and tells of no later capture. All of these would be due at once: they are spread over a day.
UPDATE top_ups SET look_at = CASE
  WHEN created_at >= now() - interval '4 days' THEN now() + random() * interval '1 day'
END
WHERE look_at IS NOT NULL AND credited_at IS NOT NULL;
CREATE INDEX top_ups_looked_at ON top_ups (look_at) WHERE look_at IS NOT NULL;
DROP INDEX top_ups_look; -- It knew of those alone that are not credited.
