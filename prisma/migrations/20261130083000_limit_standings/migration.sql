-- How much of each limit every user has used, of environments with many users: a job keeps it, and it can be made again
-- from the counters at any time.
SET LOCAL lock_timeout = '10s';

-- CreateTable
CREATE TABLE "limit_standing" (
    "user_key" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "package_id" TEXT,
    "used" DECIMAL NOT NULL,
    "limit" DECIMAL NOT NULL,
    "share" DECIMAL NOT NULL,
    "refuses" BOOLEAN NOT NULL,
    "valid_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "limit_standing_pkey" PRIMARY KEY ("user_key","feature_id")
);

-- CreateTable
CREATE TABLE "limit_pass" (
    "environment_id" TEXT NOT NULL,
    "as_of" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "done_key" BIGINT NOT NULL DEFAULT 0,
    "worked_ms" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "limit_pass_pkey" PRIMARY KEY ("environment_id")
);

-- CreateIndex
CREATE INDEX "limit_standing_share_idx" ON "limit_standing"("environment_id", "share", "user_key", "package_id", "refuses", "valid_until");

-- CreateIndex
CREATE INDEX "limit_standing_feature_share_idx" ON "limit_standing"("environment_id", "feature_id", "share", "user_key", "refuses", "valid_until");

-- AddForeignKey
ALTER TABLE "limit_pass" ADD CONSTRAINT "limit_pass_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
