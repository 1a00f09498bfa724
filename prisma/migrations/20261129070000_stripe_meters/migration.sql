-- Usage that is sent to meters at Stripe.
CREATE TYPE "MeterScope" AS ENUM ('ALL', 'OVERAGE');
CREATE TYPE "MeterEventState" AS ENUM ('PENDING', 'SENT', 'FAILED');

-- The last event of the ledger that was looked at for meters.
ALTER TABLE "stripe_connection" ADD COLUMN     "metered_to" BIGINT NOT NULL DEFAULT 0;

CREATE TABLE "billing_meter" (
    "environment_id" TEXT NOT NULL,
    "package_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "event_name" TEXT NOT NULL,
    "customer_key" TEXT NOT NULL,
    "value_key" TEXT NOT NULL,
    "scope" "MeterScope" NOT NULL,
    "since_id" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent" BIGINT NOT NULL DEFAULT 0,
    "last_sent_at" TIMESTAMPTZ(3),

    CONSTRAINT "billing_meter_pkey" PRIMARY KEY ("environment_id","package_id","feature_id")
);

CREATE TABLE "billing_meter_window" (
    "environment_id" TEXT NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "revision" INTEGER NOT NULL,
    "used" DECIMAL NOT NULL,
    "drawn" DECIMAL NOT NULL,
    "metered_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "billing_meter_window_pkey" PRIMARY KEY ("environment_id","subscription_id","feature_id","window_start")
);

CREATE TABLE "billing_meter_event" (
    "environment_id" TEXT NOT NULL,
    "id" BIGINT NOT NULL,
    "package_id" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "value" DECIMAL NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "state" "MeterEventState" NOT NULL DEFAULT 'PENDING',
    "next_try_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "tried_at" TIMESTAMPTZ(3),
    "tries" INTEGER NOT NULL DEFAULT 0,
    "sent_at" TIMESTAMPTZ(3),
    "problem" TEXT,

    CONSTRAINT "billing_meter_event_pkey" PRIMARY KEY ("environment_id","id","package_id")
);

CREATE INDEX "billing_meter_window_metered_at_idx" ON "billing_meter_window"("metered_at");
CREATE INDEX "billing_meter_event_due_idx" ON "billing_meter_event"("environment_id", "next_try_at") WHERE (state = 'PENDING');
CREATE INDEX "billing_meter_event_failed_idx" ON "billing_meter_event"("environment_id", "id", "package_id") WHERE (state = 'FAILED');
CREATE INDEX "billing_meter_event_sent_at_idx" ON "billing_meter_event"("sent_at") WHERE (state = 'SENT');

ALTER TABLE "billing_meter" ADD CONSTRAINT "billing_meter_environment_id_package_id_fkey" FOREIGN KEY ("environment_id", "package_id") REFERENCES "package"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "billing_meter" ADD CONSTRAINT "billing_meter_environment_id_feature_id_fkey" FOREIGN KEY ("environment_id", "feature_id") REFERENCES "feature"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
