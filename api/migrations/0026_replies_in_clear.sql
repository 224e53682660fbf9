-- Up Migration
-- The reply to a start holds no secret, and nothing that `sessions` does not hold in clear: it is kept as it is. To seal it
-- took a twentieth of all that the API does for a start.
ALTER TABLE idempotent_requests
  ALTER COLUMN sealed_body DROP NOT NULL,
  ADD COLUMN body text,
  ADD CONSTRAINT idempotent_requests_body CHECK (num_nonnulls(body, sealed_body) = 1);
COMMENT ON COLUMN idempotent_requests.body IS 'Of a reply that holds no secret; otherwise `sealed_body`.';

/* As `session_start_once`, but that its reply is kept in clear. `kept_sealed_body`: kept by a version before. */
CREATE FUNCTION session_start_answered(
  owner text, key text, request_hash bytea, body text, sign_in text,
  session text, player text, game text, tier text, regions text[], rate bigint, block bigint, minimum bigint,
  expected bigint, at timestamptz,
  OUT outcome text, OUT available_paise bigint, OUT paid_seconds bigint, OUT kept_body text, OUT kept_sealed_body bytea
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
  SELECT * INTO known FROM idempotent_requests kept
    WHERE kept.owner = session_start_answered.owner AND kept.key = session_start_answered.key;
  IF known.owner IS NOT NULL THEN
    outcome := CASE WHEN known.request_hash = request_hash THEN 'Kept' ELSE 'IdempotencyKeyReused' END;
    kept_body := known.body;
    kept_sealed_body := known.sealed_body;
    RETURN;
  END IF;
  SELECT started.* INTO outcome, available_paise, paid_seconds
    FROM session_start(session, player, game, tier, regions, rate, block, minimum, expected, at) started;
  IF outcome = 'Held' THEN
    INSERT INTO idempotent_requests (owner, key, request_hash, status, body, at)
      VALUES (owner, key, request_hash, 201, body, at);
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
  SELECT * INTO known FROM idempotent_requests kept WHERE kept.owner = session_start_once.owner AND kept.key = session_start_once.key;
  IF known.owner IS NOT NULL THEN
    outcome := CASE
      WHEN known.request_hash <> request_hash THEN 'IdempotencyKeyReused'
      WHEN known.sealed_body IS NULL THEN 'IdempotencyInFlight'
      ELSE 'Kept' END;
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
