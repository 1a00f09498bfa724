-- Versions of packages. The constant defaults are stored in the catalogue only, so no table is rewritten. The keys of the
-- catalogue's tables get the version: these tables are small. A lock that somebody keeps for longer fails this
-- migration, which then has changed nothing.
SET LOCAL lock_timeout = '10s';

ALTER TABLE "package" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1, ADD COLUMN "draft_version" INTEGER;

ALTER TABLE "package_feature" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "package_feature" DROP CONSTRAINT "package_feature_pkey",
  ADD CONSTRAINT "package_feature_pkey" PRIMARY KEY ("environment_id", "package_id", "version", "feature_id");

ALTER TABLE "package_base" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "package_base" DROP CONSTRAINT "package_base_pkey",
  ADD CONSTRAINT "package_base_pkey" PRIMARY KEY ("environment_id", "addon_id", "version", "base_id");

ALTER TABLE "package_price" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "package_price" DROP CONSTRAINT "package_price_pkey",
  ADD CONSTRAINT "package_price_pkey" PRIMARY KEY ("environment_id", "package_id", "version", "id");

ALTER TABLE "subscription" ADD COLUMN "package_version" INTEGER NOT NULL DEFAULT 1;

ALTER TABLE "package" ADD CONSTRAINT "package_draft_is_the_next_version" CHECK ("draft_version" = "version" + 1) NOT VALID;
