-- Up Migration
-- Every change of a session that its player would see, in order, so that a reader who was away misses none. Written by
-- the database: whichever part of the program changes a session cannot forget it.
CREATE TABLE session_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  session_id text NOT NULL REFERENCES sessions,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  desired_state text NOT NULL,
  phase text,
  told text NOT NULL,
  host text,
  seconds bigint NOT NULL,
  since timestamptz,
  end_reason text
);
CREATE INDEX session_events_session ON session_events (session_id, id);

-- The session's row is locked by its change, so that ids of one session are given in the order of the commits.
CREATE FUNCTION session_events_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO session_events (session_id, desired_state, phase, told, host, seconds, since, end_reason)
  VALUES (NEW.id, NEW.desired_state, NEW.seen_phase, NEW.told, NEW.seen_host, NEW.seen_seconds, NEW.seen_since, NEW.end_reason);
  PERFORM pg_notify('session_events', NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER note_new AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION session_events_note();
CREATE TRIGGER note_change AFTER UPDATE ON sessions FOR EACH ROW WHEN (
  (OLD.desired_state, OLD.seen_phase, OLD.told, OLD.seen_host, OLD.seen_since, OLD.end_reason)
    IS DISTINCT FROM (NEW.desired_state, NEW.seen_phase, NEW.told, NEW.seen_host, NEW.seen_since, NEW.end_reason)
) EXECUTE FUNCTION session_events_note();
