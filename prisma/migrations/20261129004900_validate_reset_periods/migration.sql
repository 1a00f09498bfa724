-- In a transaction of its own: it reads the tables without a lock that others wait for.
ALTER TABLE "package_feature" VALIDATE CONSTRAINT "package_feature_reset_every";
ALTER TABLE "package_feature" VALIDATE CONSTRAINT "package_feature_reset_terms";
ALTER TABLE "feature" VALIDATE CONSTRAINT "feature_precision_within_limits";
