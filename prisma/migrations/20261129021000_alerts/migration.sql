-- More that webhooks are told: absolute thresholds, thresholds of top-ups, windows that end, and what expires. Of the
-- tables that change only package_feature is in a release, and its new columns rewrite nothing.
SET LOCAL lock_timeout = '10s';

ALTER TABLE "package_feature" ADD COLUMN "alert_at_amount" DECIMAL[] DEFAULT ARRAY[]::DECIMAL[],
  ADD COLUMN "alert_on_reset" BOOLEAN NOT NULL DEFAULT false;

-- A row is an alert in percent (then "amount" is 0), an absolute one (then "threshold" is 0), or a window whose end is
-- told (then both are 0).
ALTER TABLE "usage_alert" ADD COLUMN "amount" DECIMAL NOT NULL DEFAULT 0,
  ADD COLUMN "due_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE "usage_alert" DROP CONSTRAINT "usage_alert_pkey",
  ADD CONSTRAINT "usage_alert_pkey"
    PRIMARY KEY ("user_key", "subscription_id", "feature_id", "window_start", "threshold", "amount");
CREATE INDEX "usage_alert_due_at_idx" ON "usage_alert"("due_at");

ALTER TABLE "top_up" ADD COLUMN "alert_at" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
  ADD COLUMN "alert_at_amount" DECIMAL[] DEFAULT ARRAY[]::DECIMAL[],
  ADD COLUMN "told_used" DECIMAL NOT NULL DEFAULT 0,
  ADD COLUMN "expiry_told" BOOLEAN NOT NULL DEFAULT false;
UPDATE "top_up" SET "expiry_told" = true WHERE "expires_at" <= now();
CREATE INDEX "top_up_expires_idx" ON "top_up"("expires_at") WHERE expires_at IS NOT NULL AND NOT expiry_told;

ALTER TABLE "feature_grant" ADD COLUMN "expiry_told" BOOLEAN NOT NULL DEFAULT false;
UPDATE "feature_grant" SET "expiry_told" = true WHERE "ends_at" <= now();
CREATE INDEX "feature_grant_ends_idx" ON "feature_grant"("ends_at") WHERE ends_at IS NOT NULL AND NOT expiry_told;
