-- A connection that was ended keeps all but its keys: the same account goes on where it was.
ALTER TABLE "stripe_connection" ADD COLUMN IF NOT EXISTS "disconnected_at" TIMESTAMPTZ(3);
ALTER TABLE "stripe_connection" ALTER COLUMN "secret_key" DROP NOT NULL;
ALTER TABLE "stripe_connection" ADD CONSTRAINT "stripe_connection_keys_while_connected" CHECK (
  CASE WHEN "disconnected_at" IS NULL THEN "secret_key" IS NOT NULL
    ELSE "secret_key" IS NULL AND "webhook_secrets" = '{}' AND "import_state" IS DISTINCT FROM 'RUNNING' END);
