-- Up Migration
CREATE TABLE players (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-hjkmnp-tv-z]{26}$'),
  telegram_user_id bigint NOT NULL UNIQUE,
  telegram_chat_id bigint NOT NULL,
  first_name text NOT NULL,
  language_code text,
  created_at timestamptz NOT NULL
);
COMMENT ON TABLE players IS 'Who plays. Made when somebody first writes to the bot.';
