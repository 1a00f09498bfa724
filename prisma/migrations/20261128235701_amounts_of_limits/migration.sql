-- Amounts are exact decimals. Limits and counters are written anew under the lock of their table, each in a migration of
-- its own, so that a check waits for one of them at a time. docs/guides/operating.md says how long that takes.
SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "package_feature" ALTER COLUMN "limit" TYPE DECIMAL;
