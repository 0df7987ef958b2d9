-- API keys. Only a hash of the secret is kept: whoever reads this table can call nothing with it.
CREATE TABLE api_keys (
  key_id      text        NOT NULL PRIMARY KEY,
  secret_hash bytea       NOT NULL,
  label       text        NOT NULL,
  scopes      text[]      NOT NULL,
  store_id    text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  revoked_at  timestamptz
);
