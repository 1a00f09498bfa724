-- CreateIndex
CREATE INDEX "segment_event_user_key_idx" ON "segment_event"("user_key") WHERE (user_key IS NOT NULL);

-- CreateIndex
CREATE INDEX "segment_event_keyless_idx" ON "segment_event"("environment_id", "user_id") WHERE (user_key IS NULL);
