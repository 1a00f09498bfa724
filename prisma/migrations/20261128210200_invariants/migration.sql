-- Invariants that so far only the code kept. Each is added NOT VALID, which takes its lock for an instant and binds
-- every row written from now on; the next migration validates the rows that are there, without holding anybody up.
-- A lock that somebody keeps for longer fails this migration, which then has changed nothing.
SET LOCAL lock_timeout = '10s';

-- Rows of earlier bugs that can be repaired. A subscription that ended before it began never counted anything, nor
-- does one that ends as it begins. One that is cancelled without an end has counted up to now. The users are locked and
-- their revisions moved, as by every change of what usage counts towards: see beginChange in src/subscriptions/store.ts.
UPDATE "user" SET "revision" = "revision" + 1 WHERE "key" IN (
  SELECT "user_key" FROM "subscription" WHERE "ended_at" < "started_at" OR ("status" = 'CANCELLED' AND "ended_at" IS NULL)
);
UPDATE "subscription" SET "ended_at" = "started_at" WHERE "ended_at" < "started_at";
UPDATE "subscription"
SET "ended_at" = greatest("started_at", date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond')
WHERE "status" = 'CANCELLED' AND "ended_at" IS NULL;
SELECT pg_sleep(0.001);

-- Relations never cross environments: the foreign keys contain the environment.

-- CreateIndex
CREATE UNIQUE INDEX "user_environment_id_key_key" ON "user"("environment_id", "key");

-- AddForeignKey
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_environment_id_user_key_fkey" FOREIGN KEY ("environment_id", "user_key") REFERENCES "user"("environment_id", "key") ON DELETE RESTRICT ON UPDATE CASCADE NOT VALID;

-- DropForeignKey
ALTER TABLE "subscription" DROP CONSTRAINT "subscription_user_key_fkey";

-- The ids of merged users lead to the survivor: it is not deleted without them.
-- AddForeignKey
ALTER TABLE "user" ADD CONSTRAINT "user_environment_id_merged_into_fkey" FOREIGN KEY ("environment_id", "merged_into") REFERENCES "user"("environment_id", "key") ON DELETE NO ACTION ON UPDATE CASCADE NOT VALID;

-- DropForeignKey
ALTER TABLE "user" DROP CONSTRAINT "user_merged_into_fkey";

-- What a row may hold.
ALTER TABLE "user"
  ADD CONSTRAINT "user_not_merged_into_itself" CHECK ("merged_into" <> "key") NOT VALID;

ALTER TABLE "subscription"
  ADD CONSTRAINT "subscription_ends_after_it_starts" CHECK ("ended_at" >= "started_at") NOT VALID,
  ADD CONSTRAINT "subscription_status_agrees_with_end" CHECK (
    CASE WHEN "ended_at" IS NULL THEN "status" <> 'CANCELLED' ELSE "status" IN ('CANCELLED', 'INCOMPLETE_EXPIRED') END
  ) NOT VALID;

ALTER TABLE "usage_event"
  ADD CONSTRAINT "usage_event_set_not_negative" CHECK ("action" <> 'SET' OR "delta" >= 0) NOT VALID;

ALTER TABLE "package_feature"
  ADD CONSTRAINT "package_feature_limit_not_negative" CHECK ("limit" >= 0) NOT VALID,
  ADD CONSTRAINT "package_feature_position_not_negative" CHECK ("position" >= 0) NOT VALID;

ALTER TABLE "package_base"
  ADD CONSTRAINT "package_base_not_of_itself" CHECK ("addon_id" <> "base_id") NOT VALID;

ALTER TABLE "package_price"
  ADD CONSTRAINT "package_price_amount_not_negative" CHECK ("amount" >= 0) NOT VALID;

ALTER TABLE "mapping_rule"
  ADD CONSTRAINT "mapping_rule_progress_not_negative" CHECK ("examined" >= 0 AND "matched" >= 0) NOT VALID;
