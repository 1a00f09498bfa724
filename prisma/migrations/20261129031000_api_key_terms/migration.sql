-- Keys have a name, scopes, an expiry and a last use. No table is rewritten: the defaults are constants. Keys that exist,
-- and keys that an older server creates beside this one, may do everything.
SET LOCAL lock_timeout = '10s';

CREATE TYPE "ApiKeyScope" AS ENUM ('read', 'usage', 'ingest', 'admin');

ALTER TABLE "api_key"
  ADD COLUMN "name" TEXT,
  ADD COLUMN "scopes" "ApiKeyScope"[] NOT NULL DEFAULT ARRAY['read', 'usage', 'ingest', 'admin']::"ApiKeyScope"[],
  ADD COLUMN "expires_at" TIMESTAMPTZ(3),
  ADD COLUMN "last_used_at" TIMESTAMPTZ(3);

ALTER TABLE "environment" ADD COLUMN "require_user_token" BOOLEAN NOT NULL DEFAULT false;
