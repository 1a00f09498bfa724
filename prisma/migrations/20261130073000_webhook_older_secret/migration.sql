-- A secret that is rotated twice within a day: the first one signs too until its own day is over.
ALTER TABLE "webhook" ADD COLUMN IF NOT EXISTS "older_secret" TEXT;
ALTER TABLE "webhook" ADD COLUMN IF NOT EXISTS "older_secret_until" TIMESTAMPTZ(3);
