-- The ledger is split by ranges of ids, so that old ranges can go as a whole. A unique index cannot span partitions, so
-- idempotency keys get a table of their own, with what a repeated call is compared with. Keys of earlier versions stay in
-- the index of the ledger so far, which becomes the first partition.
SET LOCAL lock_timeout = '10s';

-- CreateTable
CREATE TABLE "usage_key" (
    "user_key" BIGINT NOT NULL,
    "idempotency_key" TEXT NOT NULL,
    "event_id" BIGINT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "action" "UsageAction" NOT NULL,
    "delta" DECIMAL NOT NULL,

    CONSTRAINT "usage_key_pkey" PRIMARY KEY ("user_key","idempotency_key")
);

-- The first partition ends where at least one whole range is left for what is recorded meanwhile. The next migration
-- proves that all rows are in it, and holds nobody up. With that, attaching it reads no row.
DO $$
DECLARE
  next_range bigint := (SELECT CASE WHEN is_called THEN ((last_value >> 24) + 2) << 24 ELSE 1 END FROM "usage_event_id_seq");
BEGIN
  EXECUTE format('ALTER TABLE "usage_event" ADD CONSTRAINT "usage_event_first_range" CHECK ("id" < %s) NOT VALID', next_range);
END $$;
