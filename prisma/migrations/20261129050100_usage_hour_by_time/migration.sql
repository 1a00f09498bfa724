-- Questions about all users of a feature read the hours of a time, and not those of all years. Only the rollup writes to
-- this table: it waits some 2 s for 10^7 rows.
SET LOCAL lock_timeout = '10s';

CREATE INDEX "usage_hour_hour_idx" ON "usage_hour" USING BRIN ("hour");
