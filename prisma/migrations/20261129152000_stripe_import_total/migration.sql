-- How many customers Stripe has is counted before they are imported: null until that is known.
ALTER TABLE "stripe_connection" ADD COLUMN "import_total" INTEGER;
ALTER TABLE "stripe_connection" ADD COLUMN "import_found" INTEGER NOT NULL DEFAULT 0;
