-- Starts and ends are instants in the data: a subscription may start or end later. Statuses follow; see
-- src/subscriptions/settle.ts. New columns are null for all rows: no table is rewritten.
SET LOCAL lock_timeout = '10s';

ALTER TABLE "subscription" ADD COLUMN "follows_id" BIGINT, ADD COLUMN "carried" JSONB;

-- A subscription that ends later has its end already. That a cancelled one has an end still holds, and is weaker than
-- what the former constraint proved.
ALTER TABLE "subscription"
  ADD CONSTRAINT "subscription_cancelled_has_end" CHECK ("ended_at" IS NOT NULL OR "status" <> 'CANCELLED') NOT VALID;
ALTER TABLE "subscription" DROP CONSTRAINT "subscription_status_agrees_with_end";

-- What may give access now.
CREATE INDEX "subscription_may_be_live_idx" ON "subscription"("user_key") WHERE status IN ('ACTIVE', 'TRIALING', 'SCHEDULED');
DROP INDEX "subscription_live_idx";

-- Whose status is due.
CREATE INDEX "subscription_starts_idx" ON "subscription"("started_at") WHERE status = 'SCHEDULED';
CREATE INDEX "subscription_ends_idx" ON "subscription"("ended_at") WHERE ended_at IS NOT NULL AND status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE', 'SCHEDULED');
CREATE INDEX "subscription_trial_ends_idx" ON "subscription"("trial_end") WHERE trial_end IS NOT NULL AND status = 'TRIALING';
