-- Lists are read by creation while rows are added. A row gets its time from the database's clock when it is inserted,
-- while its transaction is seen to write: see src/database/settled.ts.
ALTER TABLE "user" ALTER COLUMN "created_at" SET DEFAULT clock_timestamp();
