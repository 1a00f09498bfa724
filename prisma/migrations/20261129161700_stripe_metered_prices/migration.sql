-- Whether a price bills what is sent to a meter: such prices have no quantity.
ALTER TABLE "stripe_price" ADD COLUMN IF NOT EXISTS "is_metered" BOOLEAN NOT NULL DEFAULT false;
