-- CreateIndex
CREATE INDEX "user_environment_id_email_idx" ON "user"("environment_id", "email") WHERE (email IS NOT NULL AND merged_into IS NULL);

-- CreateIndex
CREATE INDEX "user_environment_id_billing_id_idx" ON "user"("environment_id", "billing_id") WHERE (billing_id IS NOT NULL AND merged_into IS NULL);
