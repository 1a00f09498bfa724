-- The audit log of one person, and of a span of time. Changes that are written to the log wait for this, some seconds
-- with 10^6 entries; recording usage does not.
SET LOCAL lock_timeout = '10s';

CREATE INDEX "audit_entry_environment_id_member_id_id_idx" ON "audit_entry"("environment_id", "member_id", "id") WHERE (member_id IS NOT NULL);
CREATE INDEX "audit_entry_environment_id_created_at_id_idx" ON "audit_entry"("environment_id", "created_at", "id");
