SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "usage_hour" ALTER COLUMN "used" TYPE DECIMAL;
ALTER TABLE "feature_hour" ALTER COLUMN "used" TYPE DECIMAL;
