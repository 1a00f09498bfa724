-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "ApiKeyKind" AS ENUM ('PRIVATE', 'PUBLIC');

-- CreateEnum
CREATE TYPE "FeatureType" AS ENUM ('BINARY', 'CONSUMABLE');

-- CreateEnum
CREATE TYPE "PackageStatus" AS ENUM ('DRAFT', 'PUBLISHED', 'ARCHIVED');

-- CreateEnum
CREATE TYPE "ResetPeriod" AS ENUM ('YEAR', 'MONTH', 'DAY');

-- CreateEnum
CREATE TYPE "SubscriptionStatus" AS ENUM ('ACTIVE', 'TRIALING', 'CANCELLED', 'PAST_DUE', 'UNPAID', 'INCOMPLETE', 'INCOMPLETE_EXPIRED');

-- CreateEnum
CREATE TYPE "UsageAction" AS ENUM ('ADD', 'SET');

-- CreateEnum
CREATE TYPE "UsageSource" AS ENUM ('API', 'SEGMENT');

-- CreateTable
CREATE TABLE "environment" (
    "id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "environment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL,
    "environment_id" TEXT NOT NULL,
    "kind" "ApiKeyKind" NOT NULL,
    "hash" TEXT NOT NULL,
    "last_four" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "feature" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "type" "FeatureType" NOT NULL,
    "unit_label" TEXT,
    "unit_label_plural" TEXT,
    "metadata" JSONB DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "feature_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "package" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "is_addon" BOOLEAN NOT NULL DEFAULT false,
    "status" "PackageStatus" NOT NULL DEFAULT 'DRAFT',
    "metadata" JSONB DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "package_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "package_feature" (
    "environment_id" TEXT NOT NULL,
    "package_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "limit" INTEGER,
    "reset_period" "ResetPeriod",
    "overage_enabled" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "package_feature_pkey" PRIMARY KEY ("environment_id","package_id","feature_id")
);

-- CreateTable
CREATE TABLE "package_base" (
    "environment_id" TEXT NOT NULL,
    "addon_id" TEXT NOT NULL,
    "base_id" TEXT NOT NULL,

    CONSTRAINT "package_base_pkey" PRIMARY KEY ("environment_id","addon_id","base_id")
);

-- CreateTable
CREATE TABLE "package_price" (
    "environment_id" TEXT NOT NULL,
    "package_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "amount" INTEGER NOT NULL,
    "currency" TEXT NOT NULL,
    "interval" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "package_price_pkey" PRIMARY KEY ("environment_id","package_id","id")
);

-- CreateTable
CREATE TABLE "user" (
    "key" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "billing_id" TEXT,
    "name" TEXT,
    "email" TEXT,
    "metadata" JSONB DEFAULT '{}',
    "imported" BOOLEAN NOT NULL DEFAULT false,
    "merged_into" BIGINT,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "user_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "subscription" (
    "user_key" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "package_id" TEXT NOT NULL,
    "is_addon" BOOLEAN NOT NULL,
    "status" "SubscriptionStatus" NOT NULL DEFAULT 'ACTIVE',
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "trial_end" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "subscription_pkey" PRIMARY KEY ("user_key","id")
);

-- CreateTable
CREATE TABLE "usage_event" (
    "user_key" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "environment_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "action" "UsageAction" NOT NULL,
    "delta" INTEGER NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "idempotency_key" TEXT,
    "source" "UsageSource" NOT NULL DEFAULT 'API',

    CONSTRAINT "usage_event_pkey" PRIMARY KEY ("user_key","id")
);

-- CreateTable
CREATE TABLE "usage_counter" (
    "user_key" BIGINT NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "environment_id" TEXT NOT NULL,
    "used" BIGINT NOT NULL,

    CONSTRAINT "usage_counter_pkey" PRIMARY KEY ("user_key","subscription_id","feature_id","window_start")
);

-- CreateIndex
CREATE UNIQUE INDEX "environment_app_id_key" ON "environment"("app_id");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_hash_key" ON "api_key"("hash");

-- CreateIndex
CREATE INDEX "api_key_environment_id_idx" ON "api_key"("environment_id");

-- CreateIndex
CREATE INDEX "feature_environment_id_created_at_id_idx" ON "feature"("environment_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "package_environment_id_created_at_id_idx" ON "package"("environment_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "package_feature_environment_id_feature_id_idx" ON "package_feature"("environment_id", "feature_id");

-- CreateIndex
CREATE INDEX "package_base_environment_id_base_id_idx" ON "package_base"("environment_id", "base_id");

-- CreateIndex
CREATE INDEX "user_environment_id_created_at_id_idx" ON "user"("environment_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "user_merged_into_idx" ON "user"("merged_into") WHERE (merged_into IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "user_environment_id_id_key" ON "user"("environment_id", "id");

-- CreateIndex
CREATE INDEX "subscription_id_idx" ON "subscription"("id");

-- CreateIndex
CREATE INDEX "subscription_environment_id_created_at_id_idx" ON "subscription"("environment_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "subscription_environment_id_package_id_idx" ON "subscription"("environment_id", "package_id");

-- CreateIndex
CREATE UNIQUE INDEX "subscription_one_held_base" ON "subscription"("user_key") WHERE (NOT is_addon AND status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'));

-- CreateIndex
CREATE UNIQUE INDEX "subscription_package_held_once" ON "subscription"("user_key", "package_id") WHERE (status IN ('ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'));

-- CreateIndex
CREATE UNIQUE INDEX "usage_event_user_key_idempotency_key_key" ON "usage_event"("user_key", "idempotency_key") WHERE (idempotency_key IS NOT NULL);

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "feature" ADD CONSTRAINT "feature_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package" ADD CONSTRAINT "package_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package_feature" ADD CONSTRAINT "package_feature_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package_feature" ADD CONSTRAINT "package_feature_environment_id_feature_id_fkey" FOREIGN KEY ("environment_id", "feature_id") REFERENCES "feature"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package_base" ADD CONSTRAINT "package_base_environment_id_addon_id_fkey" FOREIGN KEY ("environment_id", "addon_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package_base" ADD CONSTRAINT "package_base_environment_id_base_id_fkey" FOREIGN KEY ("environment_id", "base_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "package_price" ADD CONSTRAINT "package_price_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "user" ADD CONSTRAINT "user_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "user" ADD CONSTRAINT "user_merged_into_fkey" FOREIGN KEY ("merged_into") REFERENCES "user"("key") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_user_key_fkey" FOREIGN KEY ("user_key") REFERENCES "user"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "subscription" ADD CONSTRAINT "subscription_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

