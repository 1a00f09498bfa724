-- When the customer was created that an import is at: it goes on from there if the customer is deleted at Stripe.
ALTER TABLE "stripe_connection" ADD COLUMN IF NOT EXISTS "import_cursor_at" TIMESTAMPTZ(3);
-- The currencies that a price is sold in, and the question to Stripe that last listed it.
ALTER TABLE "stripe_price" ADD COLUMN IF NOT EXISTS "currencies" TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE "stripe_price" ADD COLUMN IF NOT EXISTS "read_number" BIGINT NOT NULL DEFAULT 0;
