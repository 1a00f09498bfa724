-- What is pending after its time is found without reading all that is pending. The second condition holds for all rows:
-- only a statement that names it can use the index, so looks for what is due keep to theirs.
SET LOCAL lock_timeout = '10s';

CREATE INDEX IF NOT EXISTS "webhook_delivery_expiry_idx" ON "webhook_delivery"("retry_until")
  WHERE (state = 'PENDING' AND retry_until > '-infinity');
