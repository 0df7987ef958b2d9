-- Orders that the database refused for their content, or that came out of the overflow buffer with
-- other content than the order under their key. At most one open letter an order and content; a
-- closed one keeps what was refused, beside who closed it and why.
CREATE TABLE dead_letters (
  store_id        text        NOT NULL,
  letter_id       uuid        NOT NULL,
  order_id        uuid        NOT NULL,
  content_hash    bytea       NOT NULL,
  state           text        NOT NULL,
  reason          text        NOT NULL,
  code            text        NOT NULL,
  payload         jsonb       NOT NULL,
  failures        bigint      NOT NULL,
  first_failed_at timestamptz NOT NULL,
  last_failed_at  timestamptz NOT NULL,
  closed_at       timestamptz,
  closed_by       text,
  close_note      text,
  replay_payload  jsonb,
  PRIMARY KEY (store_id, letter_id)
);

CREATE UNIQUE INDEX dead_letters_open ON dead_letters (store_id, order_id, content_hash)
  WHERE state = 'open';

-- An operator names a letter by its id alone.
CREATE INDEX dead_letters_by_id ON dead_letters (letter_id);

-- Lists, newest first.
CREATE INDEX dead_letters_newest ON dead_letters (state, last_failed_at DESC, letter_id DESC);

-- The same of one store, and oldest first for a replay of many.
CREATE INDEX dead_letters_newest_of_store
  ON dead_letters (store_id, state, last_failed_at DESC, letter_id DESC);
