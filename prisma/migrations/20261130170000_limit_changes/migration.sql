-- A pass over the users of a large environment reads what has changed since the last one; a sweep over all users is rare.
SET LOCAL lock_timeout = '10s';

-- Whose subscriptions, grants or top-ups have changed. Rows are only added and deleted: nobody waits for a row.
-- CreateTable
CREATE TABLE "limit_change" (
    "environment_id" TEXT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "user_key" BIGINT NOT NULL,

    CONSTRAINT "limit_change_pkey" PRIMARY KEY ("environment_id","id")
);

-- Where a pass was kept by an earlier version, the first sweep is still to be made. It goes on from done_key.
-- AlterTable
ALTER TABLE "limit_pass" ADD COLUMN "done_id" BIGINT,
ADD COLUMN "is_sweeping" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN "sweep_ms" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "swept_at" TIMESTAMPTZ(3),
ADD COLUMN "up_to_id" BIGINT;
