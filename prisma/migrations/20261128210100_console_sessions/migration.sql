-- A session names its key and its environment together, so that it can never be of another one.
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_environment_id_id_key" UNIQUE ("environment_id", "id");

CREATE TABLE "console_session" (
    "id_hash" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "key_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "console_session_pkey" PRIMARY KEY ("id_hash"),
    CONSTRAINT "console_session_lifetime" CHECK ("expires_at" > "created_at" AND "expires_at" <= "created_at" + interval '24 hours')
);

CREATE INDEX "console_session_key_id_created_at_idx" ON "console_session"("key_id", "created_at");
CREATE INDEX "console_session_expires_at_idx" ON "console_session"("expires_at");

ALTER TABLE "console_session" ADD CONSTRAINT "console_session_environment_id_key_id_fkey" FOREIGN KEY ("environment_id", "key_id") REFERENCES "api_key"("environment_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The id that the client gave the request, beside ours.
ALTER TABLE "audit_entry" ADD COLUMN "client_request_id" TEXT;
