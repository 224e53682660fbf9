-- Up Migration
-- To start a session is one command: one round trip, and whole by itself. Told over HTTP it is also known again under its
-- Idempotency-Key, in that same round trip.

/* Session, hold and outbox, or nothing. `expected`: the paid seconds without which nothing is done; null takes what comes. */
CREATE FUNCTION session_start(
  session text, player text, game text, tier text, regions text[], rate bigint, block bigint, minimum bigint,
  expected bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT paid_seconds bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  held record;
BEGIN
  -- The session before the wallet, as everybody locks them.
  INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
    VALUES (session, player, game, tier, regions, at, at)
    ON CONFLICT (player_id) WHERE ended_at IS NULL DO NOTHING;
  IF NOT FOUND THEN
    outcome := 'SessionActive';
    RETURN;
  END IF;
  SELECT * INTO held FROM wallet_hold_open(session, player, rate, block, minimum, at);
  outcome := held.outcome;
  available_paise := held.available_paise;
  paid_seconds := (held.hold).paid_seconds;
  IF outcome = 'Held' AND paid_seconds <> expected THEN
    outcome := 'PaidOtherwise';
  END IF;
  IF outcome <> 'Held' THEN
    RAISE SQLSTATE 'WA001'; -- Takes back what stands above; the variables keep what was found.
  END IF;
  INSERT INTO queue_items (topic, key, payload)
    VALUES ('kubernetes.session', session, jsonb_build_object('sessionId', session));
EXCEPTION
  WHEN SQLSTATE 'WA001' THEN
    RETURN;
END $$;

/*
 * The same for a request: by a sign-in that stands (null: a service's), once per key, and its reply is kept. The lock and the
 * table are those of all requests, api/http/idempotency.ts. `sealed_body` is the reply as it will be with `expected` seconds.
 */
CREATE FUNCTION session_start_once(
  owner text, key text, request_hash bytea, sealed_body bytea, sign_in text,
  session text, player text, game text, tier text, regions text[], rate bigint, block bigint, minimum bigint,
  expected bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT paid_seconds bigint, OUT kept_body bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  known idempotent_requests;
BEGIN
  IF sign_in IS NOT NULL THEN
    PERFORM FROM sign_ins WHERE id = sign_in AND revoked_at IS NULL AND expires_at > at;
    IF NOT FOUND THEN
      outcome := 'SignedOut';
      RETURN;
    END IF;
  END IF;
  IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || owner || ' ' || key, 0)) THEN
    outcome := 'IdempotencyInFlight';
    RETURN;
  END IF;
  SELECT * INTO known FROM idempotent_requests kept WHERE kept.owner = session_start_once.owner AND kept.key = session_start_once.key;
  IF known.owner IS NOT NULL THEN
    outcome := CASE WHEN known.request_hash = request_hash THEN 'Kept' ELSE 'IdempotencyKeyReused' END;
    kept_body := known.sealed_body;
    RETURN;
  END IF;
  SELECT started.* INTO outcome, available_paise, paid_seconds
    FROM session_start(session, player, game, tier, regions, rate, block, minimum, expected, at) started;
  IF outcome = 'Held' THEN
    INSERT INTO idempotent_requests (owner, key, request_hash, status, sealed_body, at)
      VALUES (owner, key, request_hash, 201, sealed_body, at);
  END IF;
END $$;
