SET LOCAL lock_timeout = '10s';

-- AlterEnum
ALTER TYPE "AuditSubject" ADD VALUE 'TOP_UP';

-- Most users have no top-ups: their usage is recorded without looking for any.
-- AlterTable
ALTER TABLE "user" ADD COLUMN "has_top_ups" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "top_up" (
    "user_key" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "amount" DECIMAL NOT NULL,
    "remaining" DECIMAL NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "expires_at" TIMESTAMPTZ(3),
    "reason" TEXT,
    "voided_at" TIMESTAMPTZ(3),
    "void_reason" TEXT,
    "idempotency_key" TEXT,
    "request_hash" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "top_up_pkey" PRIMARY KEY ("user_key","id"),
    CONSTRAINT "top_up_amount_positive" CHECK ("amount" > 0),
    CONSTRAINT "top_up_remaining_within_amount" CHECK ("remaining" >= 0 AND "remaining" <= "amount")
);

-- What a usage drew from a top-up, or gave back to it (a negative amount).
-- CreateTable
CREATE TABLE "top_up_draw" (
    "user_key" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "top_up_id" BIGINT NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "amount" DECIMAL NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "top_up_draw_pkey" PRIMARY KEY ("user_key","id")
);

-- What was used beyond the budget of a window, oldest first, by what it was drawn from: a top-up, or (null) nothing.
-- CreateTable
CREATE TABLE "usage_excess" (
    "user_key" BIGINT NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "position" INTEGER NOT NULL,
    "environment_id" TEXT NOT NULL,
    "top_up_id" BIGINT,
    "amount" DECIMAL NOT NULL,

    CONSTRAINT "usage_excess_pkey" PRIMARY KEY ("user_key","subscription_id","feature_id","window_start","position"),
    CONSTRAINT "usage_excess_amount_positive" CHECK ("amount" > 0)
);

-- CreateIndex
CREATE INDEX "top_up_id_idx" ON "top_up"("id");

-- CreateIndex
CREATE INDEX "top_up_user_key_feature_id_idx" ON "top_up"("user_key", "feature_id");

-- CreateIndex
CREATE INDEX "top_up_environment_id_feature_id_idx" ON "top_up"("environment_id", "feature_id");

-- CreateIndex
CREATE UNIQUE INDEX "top_up_user_key_idempotency_key_key" ON "top_up"("user_key", "idempotency_key")
    WHERE (idempotency_key IS NOT NULL);

-- CreateIndex
CREATE INDEX "top_up_draw_user_key_top_up_id_idx" ON "top_up_draw"("user_key", "top_up_id");

-- AddForeignKey
ALTER TABLE "top_up" ADD CONSTRAINT "top_up_environment_id_user_key_fkey" FOREIGN KEY ("environment_id", "user_key") REFERENCES "user"("environment_id", "key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "top_up" ADD CONSTRAINT "top_up_environment_id_feature_id_fkey" FOREIGN KEY ("environment_id", "feature_id") REFERENCES "feature"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
