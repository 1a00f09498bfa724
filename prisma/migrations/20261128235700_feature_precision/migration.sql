SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "feature" ADD COLUMN "precision" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE "feature"
  ADD CONSTRAINT "feature_precision_within_limits" CHECK ("precision" BETWEEN 0 AND 6) NOT VALID;
ALTER TABLE "feature" VALIDATE CONSTRAINT "feature_precision_within_limits";
