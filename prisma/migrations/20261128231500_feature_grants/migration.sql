SET LOCAL lock_timeout = '10s';

-- AlterEnum
ALTER TYPE "AuditSubject" ADD VALUE 'FEATURE_GRANT';

-- Most users have no grants: statements that read the user's row anyway look for none then.
-- AlterTable
ALTER TABLE "user" ADD COLUMN "has_grants" BOOLEAN NOT NULL DEFAULT false;

-- A feature that was given to one user. Its id is drawn from the sequence of subscriptions: both are what usage counts
-- towards, and usage_counter names either by its id.
-- CreateTable
CREATE TABLE "feature_grant" (
    "user_key" BIGINT NOT NULL,
    "id" BIGINT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "limit" DECIMAL,
    "reset_period" "ResetPeriod",
    "reset_every" INTEGER NOT NULL DEFAULT 1,
    "overage_enabled" BOOLEAN NOT NULL DEFAULT false,
    "starts_at" TIMESTAMPTZ(3) NOT NULL,
    "ends_at" TIMESTAMPTZ(3),
    "reason" TEXT,
    "revoked_at" TIMESTAMPTZ(3),
    "revoke_reason" TEXT,
    "idempotency_key" TEXT,
    "request_hash" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feature_grant_pkey" PRIMARY KEY ("user_key","id"),
    CONSTRAINT "feature_grant_limit_not_negative" CHECK ("limit" >= 0),
    CONSTRAINT "feature_grant_resets" CHECK ("reset_every" >= 1),
    CONSTRAINT "feature_grant_ends_after_start" CHECK ("ends_at" >= "starts_at")
);

-- CreateIndex
CREATE INDEX "feature_grant_id_idx" ON "feature_grant"("id");

-- CreateIndex
CREATE INDEX "feature_grant_user_key_feature_id_idx" ON "feature_grant"("user_key", "feature_id");

-- CreateIndex
CREATE INDEX "feature_grant_environment_id_feature_id_idx" ON "feature_grant"("environment_id", "feature_id");

-- CreateIndex
CREATE UNIQUE INDEX "feature_grant_user_key_idempotency_key_key" ON "feature_grant"("user_key", "idempotency_key")
    WHERE (idempotency_key IS NOT NULL);

-- AddForeignKey
ALTER TABLE "feature_grant" ADD CONSTRAINT "feature_grant_environment_id_user_key_fkey" FOREIGN KEY ("environment_id", "user_key") REFERENCES "user"("environment_id", "key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "feature_grant" ADD CONSTRAINT "feature_grant_environment_id_feature_id_fkey" FOREIGN KEY ("environment_id", "feature_id") REFERENCES "feature"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
