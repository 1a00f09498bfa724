-- One row for each environment: the rollup of one never waits for the other's. The column has a new name, so that a
-- process of the version before, which knows one row, fails instead of moving all of them.
ALTER TABLE "usage_rollup" RENAME COLUMN "rolled_up_to" TO "last_id";
ALTER TABLE "usage_rollup" ADD COLUMN "environment_id" TEXT, ADD COLUMN "revision" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "usage_rollup" DROP CONSTRAINT "usage_rollup_pkey";
ALTER TABLE "usage_rollup" DROP COLUMN "id";
INSERT INTO "usage_rollup" ("environment_id", "last_id")
  SELECT "environment"."id", "usage_rollup"."last_id" FROM "environment", "usage_rollup";
DELETE FROM "usage_rollup" WHERE "environment_id" IS NULL;
ALTER TABLE "usage_rollup" ALTER COLUMN "environment_id" SET NOT NULL;
ALTER TABLE "usage_rollup" ADD CONSTRAINT "usage_rollup_pkey" PRIMARY KEY ("environment_id");

-- AddForeignKey
ALTER TABLE "usage_rollup" ADD CONSTRAINT "usage_rollup_environment_id_fkey" FOREIGN KEY ("environment_id")
  REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- A SET outside every subscription now replaces what was recorded outside every subscription, and nothing else. Where
-- there is one, the hours of the environment are made anew: the job goes through its ledger from the beginning.
CREATE TEMPORARY TABLE "rebuilt" ON COMMIT DROP AS
  SELECT DISTINCT "event"."environment_id" FROM "usage_event" "event"
  WHERE "event"."action" = 'SET' AND NOT EXISTS (
    SELECT FROM "subscription" "s" JOIN "package_feature" "pf" ON "pf"."environment_id" = "s"."environment_id"
      AND "pf"."package_id" = "s"."package_id" AND "pf"."feature_id" = "event"."feature_id"
    WHERE "s"."user_key" = "event"."user_key" AND "s"."started_at" <= "event"."occurred_at"
      AND ("s"."ended_at" IS NULL OR "event"."occurred_at" < "s"."ended_at")
  );
DELETE FROM "usage_hour" WHERE "environment_id" IN (SELECT "environment_id" FROM "rebuilt");
DELETE FROM "feature_hour" WHERE "environment_id" IN (SELECT "environment_id" FROM "rebuilt");
UPDATE "usage_rollup" SET "last_id" = 0 WHERE "environment_id" IN (SELECT "environment_id" FROM "rebuilt");
