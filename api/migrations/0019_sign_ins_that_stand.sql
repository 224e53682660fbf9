-- Up Migration
-- When a sign-in still stands is said in one place: here, for all who ask by SQL.

CREATE FUNCTION sign_in_stands(sign_in text, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM sign_ins WHERE id = sign_in AND revoked_at IS NULL AND expires_at > at);
END $$;

-- As before, but that it asks there.
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
