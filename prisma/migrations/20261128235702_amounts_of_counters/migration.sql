SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "usage_counter" ALTER COLUMN "used" TYPE DECIMAL;
