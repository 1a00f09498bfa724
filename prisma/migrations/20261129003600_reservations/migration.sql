SET LOCAL lock_timeout = '10s';

-- Most users hold no reservations: their checks look for none.
-- AlterTable
ALTER TABLE "user" ADD COLUMN "has_holds" BOOLEAN NOT NULL DEFAULT false;

-- An amount that is held for work whose size is known only afterwards.
-- CreateTable
CREATE TABLE "reservation" (
    "user_key" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "amount" DECIMAL NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "committed_at" TIMESTAMPTZ(3),
    "committed" DECIMAL,
    "commit_key" TEXT,
    "released_at" TIMESTAMPTZ(3),
    "idempotency_key" TEXT,
    "request_hash" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reservation_pkey" PRIMARY KEY ("user_key","id"),
    CONSTRAINT "reservation_amount_positive" CHECK ("amount" > 0),
    CONSTRAINT "reservation_ends_once" CHECK ("committed_at" IS NULL OR "released_at" IS NULL)
);

-- The sum of the open reservations of a user and a feature, by when they lapse: a check adds up these few rows,
-- however many reservations are open.
-- CreateTable
CREATE TABLE "usage_hold" (
    "user_key" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "environment_id" TEXT NOT NULL,
    "held" DECIMAL NOT NULL,

    CONSTRAINT "usage_hold_pkey" PRIMARY KEY ("user_key","feature_id","expires_at"),
    CONSTRAINT "usage_hold_not_negative" CHECK ("held" >= 0)
);

-- CreateIndex
CREATE INDEX "reservation_id_idx" ON "reservation"("id");

-- CreateIndex
CREATE UNIQUE INDEX "reservation_user_key_idempotency_key_key" ON "reservation"("user_key", "idempotency_key")
    WHERE (idempotency_key IS NOT NULL);

-- AddForeignKey
ALTER TABLE "reservation" ADD CONSTRAINT "reservation_environment_id_user_key_fkey" FOREIGN KEY ("environment_id", "user_key") REFERENCES "user"("environment_id", "key") ON DELETE RESTRICT ON UPDATE CASCADE;
