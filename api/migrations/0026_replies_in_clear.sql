-- Up Migration
-- The reply to a start holds no secret, and nothing that `sessions` does not hold in clear: it is kept as it is. To seal it
-- took a twentieth of all that the API does for a start.
ALTER TABLE idempotent_requests
  ALTER COLUMN sealed_body DROP NOT NULL,
  ADD COLUMN body text,
  ADD CONSTRAINT idempotent_requests_body CHECK (num_nonnulls(body, sealed_body) = 1);
COMMENT ON COLUMN idempotent_requests.body IS 'Of a reply that holds no secret; otherwise `sealed_body`.';

/*
 * Whether the request of this key is to be done: null, and then its lock is ours; else why not. `sign_in` has to stand (null: a
 * service's). What was answered is in one of the two bodies.
 */
CREATE FUNCTION request_known(
  owner text, key text, request_hash bytea, sign_in text, at timestamptz,
  OUT outcome text, OUT body text, OUT sealed_body bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  known idempotent_requests;
BEGIN
  IF sign_in IS NOT NULL AND NOT sign_in_stands(sign_in, at) THEN
    outcome := 'SignedOut';
    RETURN;
  END IF;
  IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || owner || ' ' || key, 0)) THEN
    outcome := 'IdempotencyInFlight';
    RETURN;
  END IF;
  SELECT * INTO known FROM idempotent_requests kept WHERE kept.owner = request_known.owner AND kept.key = request_known.key;
  IF known.owner IS NOT NULL THEN
    outcome := CASE WHEN known.request_hash = request_hash THEN 'Kept' ELSE 'IdempotencyKeyReused' END;
    body := known.body;
    sealed_body := known.sealed_body;
  END IF;
END $$;

/* As `session_start_once`, but that its reply is kept in clear. `kept_sealed_body`: kept by a version before. */
CREATE FUNCTION session_start_answered(
  owner text, key text, request_hash bytea, body text, sign_in text,
  session text, player text, game text, tier text, regions text[], rate bigint, block bigint, minimum bigint,
  expected bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT paid_seconds bigint, OUT kept_body text, OUT kept_sealed_body bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
  SELECT known.* INTO outcome, kept_body, kept_sealed_body FROM request_known(owner, key, request_hash, sign_in, at) known;
  IF outcome IS NULL THEN
    SELECT started.* INTO outcome, available_paise, paid_seconds
      FROM session_start(session, player, game, tier, regions, rate, block, minimum, expected, at) started;
    IF outcome = 'Held' THEN
      INSERT INTO idempotent_requests (owner, key, request_hash, status, body, at)
        VALUES (owner, key, request_hash, 201, body, at);
    END IF;
  END IF;
END $$;

/*
 * For the version before, in a rollout. It cannot read what is kept in clear: a repetition that reaches it is told to come
 * again, until it reaches one that can.
 */
CREATE OR REPLACE FUNCTION session_start_once(
  owner text, key text, request_hash bytea, sealed_body bytea, sign_in text,
  session text, player text, game text, tier text, regions text[], rate bigint, block bigint, minimum bigint,
  expected bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT paid_seconds bigint, OUT kept_body bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
  SELECT known.outcome, known.sealed_body INTO outcome, kept_body
    FROM request_known(owner, key, request_hash, sign_in, at) known;
  IF outcome = 'Kept' AND kept_body IS NULL THEN
    outcome := 'IdempotencyInFlight';
  ELSIF outcome IS NULL THEN
    SELECT started.* INTO outcome, available_paise, paid_seconds
      FROM session_start(session, player, game, tier, regions, rate, block, minimum, expected, at) started;
    IF outcome = 'Held' THEN
      INSERT INTO idempotent_requests (owner, key, request_hash, status, sealed_body, at)
        VALUES (owner, key, request_hash, 201, sealed_body, at);
    END IF;
  END IF;
END $$;
