-- Migrations of subscribers from one package, or version, to another; see src/subscriptions/migration.
SET LOCAL lock_timeout = '10s';

CREATE TYPE "MigrationState" AS ENUM ('RUNNING', 'DONE', 'STOPPED', 'FAILED');
CREATE TYPE "MigrationTime" AS ENUM ('NOW', 'PERIOD_END');
CREATE TYPE "CarriedUsage" AS ENUM ('RESET', 'CARRY');
CREATE TYPE "MigrationOutcome" AS ENUM ('SKIPPED', 'FAILED');
ALTER TYPE "AuditSubject" ADD VALUE 'MIGRATION';

CREATE TABLE "subscriber_migration" (
  "environment_id" TEXT NOT NULL,
  "id" BIGSERIAL NOT NULL,
  "from_package_id" TEXT NOT NULL,
  "from_version" INTEGER,
  "to_package_id" TEXT NOT NULL,
  "to_version" INTEGER NOT NULL,
  "at" "MigrationTime" NOT NULL,
  "usage" "CarriedUsage" NOT NULL,
  "only_ids" BIGINT[],
  "after_id" BIGINT NOT NULL DEFAULT 0,
  "until_id" BIGINT NOT NULL,
  "state" "MigrationState" NOT NULL DEFAULT 'RUNNING',
  "problem" TEXT,
  "total" INTEGER NOT NULL,
  "examined" INTEGER NOT NULL DEFAULT 0,
  "moved" INTEGER NOT NULL DEFAULT 0,
  "skipped" INTEGER NOT NULL DEFAULT 0,
  "failed" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "advanced_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "finished_at" TIMESTAMPTZ(3),
  "author_kind" "AuthorKind" NOT NULL,
  "key_id" UUID,
  "last_four" TEXT,
  "request_id" TEXT,
  "client_request_id" TEXT,

  CONSTRAINT "subscriber_migration_pkey" PRIMARY KEY ("environment_id", "id"),
  CONSTRAINT "subscriber_migration_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT "subscriber_migration_runs_for_some" CHECK ("state" <> 'RUNNING' OR "only_ids" <> '{}'),
  CONSTRAINT "subscriber_migration_counts_add_up" CHECK ("examined" = "moved" + "skipped" + "failed"),
  CONSTRAINT "subscriber_migration_finished_unless_running" CHECK (("finished_at" IS NULL) = ("state" = 'RUNNING'))
);
CREATE INDEX "subscriber_migration_environment_id_created_at_id_idx" ON "subscriber_migration"("environment_id", "created_at", "id");
-- At most one at a time from a package.
CREATE UNIQUE INDEX "subscriber_migration_one_running" ON "subscriber_migration"("environment_id", "from_package_id") WHERE (state = 'RUNNING');

CREATE TABLE "subscriber_migration_problem" (
  "user_key" BIGINT NOT NULL,
  "id" BIGSERIAL NOT NULL,
  "environment_id" TEXT NOT NULL,
  "migration_id" BIGINT NOT NULL,
  "outcome" "MigrationOutcome" NOT NULL,
  "reason" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "subscriber_migration_problem_pkey" PRIMARY KEY ("user_key", "id"),
  CONSTRAINT "subscriber_migration_problem_environment_id_migration_id_fkey" FOREIGN KEY ("environment_id", "migration_id") REFERENCES "subscriber_migration"("environment_id", "id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "subscriber_migration_problem_environment_id_migration_id_id_idx" ON "subscriber_migration_problem"("environment_id", "migration_id", "id");

-- The subscriptions to a package in order.
CREATE INDEX "subscription_environment_id_package_id_id_idx" ON "subscription"("environment_id", "package_id", "id");
DROP INDEX "subscription_environment_id_package_id_idx";
