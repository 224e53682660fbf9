-- Up Migration
-- How a player signs in without the chat, and how they leave.

-- Deleted: the row stays, under which the ledger is kept, and nothing in it says who it was.
ALTER TABLE players ALTER telegram_user_id DROP NOT NULL, ALTER telegram_chat_id DROP NOT NULL,
  ADD deleted_at timestamptz,
  ADD CONSTRAINT players_erased CHECK (
    CASE WHEN deleted_at IS NULL THEN telegram_user_id IS NOT NULL AND telegram_chat_id IS NOT NULL
    ELSE telegram_user_id IS NULL AND telegram_chat_id IS NULL AND first_name = '' AND language_code IS NULL END
  );

CREATE FUNCTION players_refuse_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Waits for a deletion that is under way; the foreign key alone would not.
  PERFORM FROM players WHERE id = NEW.player_id AND deleted_at IS NULL FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'player % is deleted', NEW.player_id USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER not_deleted BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION players_refuse_deleted();

-- One for each time that somebody signed in, on whatever device: the family of its refresh tokens.
CREATE TABLE sign_ins (
  id text PRIMARY KEY,
  player_id text NOT NULL REFERENCES players,
  method text NOT NULL CHECK (method IN ('OpenId', 'MiniApp')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoke_reason text CHECK (revoke_reason IN ('SignedOut', 'TokenReused')),
  CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);
CREATE INDEX sign_ins_player ON sign_ins (player_id);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

CREATE TABLE refresh_tokens (
  hash bytea PRIMARY KEY CHECK (length(hash) = 32),
  sign_in_id text NOT NULL REFERENCES sign_ins ON DELETE CASCADE,
  issued_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX refresh_tokens_sign_in ON refresh_tokens (sign_in_id);
COMMENT ON COLUMN refresh_tokens.hash IS 'SHA-256: who reads the table cannot sign in with it.';

-- A sign-in at Telegram that was begun and has not come back yet.
CREATE TABLE open_id_attempts (
  secret_hash bytea PRIMARY KEY CHECK (length(secret_hash) = 32),
  state text NOT NULL,
  nonce text NOT NULL,
  code_verifier text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX open_id_attempts_expiry ON open_id_attempts (expires_at);

-- What may be exchanged once: Mini App data until it is too old to be taken in any case.
CREATE TABLE spent_credentials (
  hash bytea PRIMARY KEY CHECK (length(hash) = 32),
  expires_at timestamptz NOT NULL
);
CREATE INDEX spent_credentials_expiry ON spent_credentials (expires_at);

-- Programs of our own that act for players: support, a shop.
CREATE TABLE service_tokens (
  id text PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 16),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
