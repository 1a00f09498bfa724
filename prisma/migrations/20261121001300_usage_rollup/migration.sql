-- CreateTable
CREATE TABLE "usage_hour" (
    "user_key" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "environment_id" TEXT NOT NULL,
    "used" BIGINT NOT NULL,

    CONSTRAINT "usage_hour_pkey" PRIMARY KEY ("user_key","feature_id","hour")
);

-- CreateTable
CREATE TABLE "feature_hour" (
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "used" BIGINT NOT NULL,

    CONSTRAINT "feature_hour_pkey" PRIMARY KEY ("environment_id","feature_id","hour")
);

-- CreateTable
CREATE TABLE "usage_rollup" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "rolled_up_to" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "usage_rollup_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "usage_event_id_idx" ON "usage_event"("id");

-- Nothing is rolled up yet: a job goes through the ledger from its beginning.
INSERT INTO "usage_rollup" DEFAULT VALUES;
