-- Customers of whom Stripe is to be asked: each once, however many events told of them.
ALTER TABLE "stripe_customer" ADD COLUMN     "is_urgent" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "wanted_at" TIMESTAMPTZ(6),
ADD COLUMN     "wanted_tries" INTEGER NOT NULL DEFAULT 0;

CREATE INDEX "stripe_customer_wanted_idx" ON "stripe_customer"("environment_id", "wanted_at") WHERE (wanted_at IS NOT NULL);
