-- As for users (20261128210510): lists that are followed while rows are added.
ALTER TABLE "feature" ALTER COLUMN "created_at" SET DEFAULT clock_timestamp();
ALTER TABLE "package" ALTER COLUMN "created_at" SET DEFAULT clock_timestamp();
ALTER TABLE "mapping_rule" ALTER COLUMN "created_at" SET DEFAULT clock_timestamp();
