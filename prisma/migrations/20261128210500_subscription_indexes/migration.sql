-- Subscriptions that have ended are not read for what is live or open now, however many a user has.
CREATE INDEX "subscription_live_idx" ON "subscription"("user_key") WHERE status IN ('ACTIVE', 'TRIALING');
CREATE INDEX "subscription_open_idx" ON "subscription"("user_key") WHERE ended_at IS NULL;
CREATE INDEX "subscription_ended_idx" ON "subscription"("user_key", "ended_at") WHERE ended_at IS NOT NULL;
