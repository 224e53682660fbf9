-- Up Migration
-- Replies that a repeated request gets again. Written in the transaction that made them true.
CREATE TABLE idempotent_requests (
  owner text NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  status integer NOT NULL CHECK (status BETWEEN 200 AND 299),
  sealed_body bytea NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (owner, key)
);
CREATE INDEX idempotent_requests_age ON idempotent_requests (at);
COMMENT ON COLUMN idempotent_requests.owner IS 'The player, the service, or ''anonymous'' before anybody is signed in.';
COMMENT ON COLUMN idempotent_requests.sealed_body IS 'Encrypted under the request itself: a reply may hold tokens.';
