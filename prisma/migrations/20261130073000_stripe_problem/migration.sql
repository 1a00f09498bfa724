-- Why Stripe could not be asked last, and when background work asks again.
ALTER TABLE "stripe_connection"
  ADD COLUMN IF NOT EXISTS "problem" TEXT,
  ADD COLUMN IF NOT EXISTS "problem_since" TIMESTAMPTZ(3),
  ADD COLUMN IF NOT EXISTS "problem_tries" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS "asks_again_at" TIMESTAMPTZ(3);
