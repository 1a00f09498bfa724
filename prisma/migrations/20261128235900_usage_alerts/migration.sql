-- AlterTable
ALTER TABLE "package_feature" ADD COLUMN     "alert_at" INTEGER[] DEFAULT ARRAY[]::INTEGER[];

-- CreateTable
CREATE TABLE "usage_alert" (
    "user_key" BIGINT NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "threshold" INTEGER NOT NULL,
    "environment_id" TEXT NOT NULL,
    "data" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "usage_alert_pkey" PRIMARY KEY ("user_key","subscription_id","feature_id","window_start","threshold")
);
