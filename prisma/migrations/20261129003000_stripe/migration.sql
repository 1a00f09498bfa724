-- Billing: what Stripe holds, as far as it decides who may use what. Nothing of a person is kept here but the ids of
-- Stripe's customers.

-- CreateEnum
CREATE TYPE "StripeImportState" AS ENUM ('RUNNING', 'DONE', 'FAILED');

-- AlterEnum
ALTER TYPE "AuditSubject" ADD VALUE 'BILLING';

-- AlterTable
ALTER TABLE "subscription" ADD COLUMN     "provider" TEXT,
ADD COLUMN     "provider_cancels_at" TIMESTAMPTZ(3),
ADD COLUMN     "provider_item_id" TEXT,
ADD COLUMN     "provider_status" TEXT,
ADD COLUMN     "provider_subscription_id" TEXT;

-- CreateTable
CREATE TABLE "stripe_connection" (
    "environment_id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "secret_key" TEXT NOT NULL,
    "webhook_secrets" TEXT[],
    "withholds_paused" BOOLEAN NOT NULL DEFAULT false,
    "connected_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "events_until" TIMESTAMPTZ(3),
    "reconciled_at" TIMESTAMPTZ(3),
    "import_state" "StripeImportState",
    "import_started_at" TIMESTAMPTZ(3),
    "import_ended_at" TIMESTAMPTZ(3),
    "import_cursor" TEXT,
    "imported_prices" INTEGER NOT NULL DEFAULT 0,
    "imported_customers" INTEGER NOT NULL DEFAULT 0,
    "imported_subscriptions" INTEGER NOT NULL DEFAULT 0,
    "import_problem" TEXT,

    CONSTRAINT "stripe_connection_pkey" PRIMARY KEY ("environment_id")
);

-- CreateTable
CREATE TABLE "stripe_customer" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "read_number" BIGINT NOT NULL,
    "is_deleted" BOOLEAN NOT NULL DEFAULT false,
    "user_key" BIGINT,
    "is_forgotten" BOOLEAN NOT NULL DEFAULT false,
    "subscriptions" JSONB NOT NULL DEFAULT '[]',
    "payments" JSONB NOT NULL DEFAULT '[]',
    "flags" JSONB NOT NULL DEFAULT '[]',
    "flagged_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stripe_customer_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "stripe_price" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "product_id" TEXT NOT NULL,
    "product_name" TEXT,
    "is_active" BOOLEAN NOT NULL,
    "amount" BIGINT,
    "currency" TEXT NOT NULL,
    "interval" TEXT,
    "interval_count" INTEGER,
    "package_id" TEXT,
    "mapped_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "stripe_price_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "stripe_event" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stripe_event_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "billing_template" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "package_id" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "interval" TEXT,
    "price_ids" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "billing_template_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateIndex
CREATE INDEX "stripe_customer_user_key_idx" ON "stripe_customer"("user_key") WHERE (user_key IS NOT NULL);

-- CreateIndex
CREATE INDEX "stripe_customer_flagged_idx" ON "stripe_customer"("environment_id", "flagged_at", "id") WHERE (flagged_at IS NOT NULL);

-- CreateIndex
CREATE INDEX "stripe_price_environment_id_package_id_idx" ON "stripe_price"("environment_id", "package_id");

-- CreateIndex
CREATE INDEX "stripe_price_environment_id_created_at_id_idx" ON "stripe_price"("environment_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "stripe_event_received_at_idx" ON "stripe_event"("received_at");

-- CreateIndex
CREATE INDEX "billing_template_environment_id_package_id_idx" ON "billing_template"("environment_id", "package_id");

-- CreateIndex
CREATE UNIQUE INDEX "subscription_provider_item_once" ON "subscription"("user_key", "provider_item_id", "package_id") WHERE (provider_item_id IS NOT NULL);

-- AddForeignKey
ALTER TABLE "stripe_connection" ADD CONSTRAINT "stripe_connection_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "stripe_price" ADD CONSTRAINT "stripe_price_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "billing_template" ADD CONSTRAINT "billing_template_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The order in which objects were asked for at Stripe: an answer that was asked for earlier never replaces one that was
-- asked for later.
CREATE SEQUENCE "stripe_read_number";
