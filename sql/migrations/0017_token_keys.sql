-- The public half of the key that signs browser tokens. It is derived from the secret, and no one can
-- sign with it. Null: the key was made by a version before, and tokens of it are refused.
ALTER TABLE api_keys
  ADD COLUMN token_key bytea,
  ADD CONSTRAINT api_keys_token_key CHECK (octet_length(token_key) = 32);
