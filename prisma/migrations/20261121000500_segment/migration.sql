-- CreateEnum
CREATE TYPE "SegmentEventType" AS ENUM ('IDENTIFY', 'TRACK');

-- CreateEnum
CREATE TYPE "SegmentOutcome" AS ENUM ('RECORDED', 'UNMATCHED', 'PENDING_USER', 'USER_CREATED', 'USER_UPDATED', 'USERS_MERGED', 'USER_CLAIMED');

-- CreateEnum
CREATE TYPE "BackfillState" AS ENUM ('PENDING', 'RUNNING', 'DONE');

-- CreateTable
CREATE TABLE "segment_event" (
    "environment_id" TEXT NOT NULL,
    "message_id" TEXT NOT NULL,
    "type" "SegmentEventType" NOT NULL,
    "user_id" TEXT NOT NULL,
    "event_name" TEXT,
    "payload" JSONB NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "outcome" "SegmentOutcome",
    "feature_id" TEXT,
    "rule_id" TEXT,
    "delta" INTEGER,
    "user_key" BIGINT,

    CONSTRAINT "segment_event_pkey" PRIMARY KEY ("environment_id","message_id")
);

-- CreateTable
CREATE TABLE "mapping_rule" (
    "environment_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "feature_id" TEXT NOT NULL,
    "event_name" TEXT,
    "conditions" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "backfill" "BackfillState" NOT NULL DEFAULT 'PENDING',
    "examined_at" TIMESTAMPTZ(3),
    "examined_id" TEXT,
    "examined" INTEGER NOT NULL DEFAULT 0,
    "matched" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "mapping_rule_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateIndex
CREATE INDEX "segment_event_environment_id_received_at_message_id_idx" ON "segment_event"("environment_id", "received_at", "message_id");

-- CreateIndex
CREATE INDEX "segment_event_environment_id_outcome_received_at_message_id_idx" ON "segment_event"("environment_id", "outcome", "received_at", "message_id") WHERE (outcome IS NOT NULL);

-- CreateIndex
CREATE INDEX "segment_event_unprocessed_idx" ON "segment_event"("received_at", "message_id") WHERE (outcome IS NULL);

-- CreateIndex
CREATE INDEX "segment_event_unmatched_idx" ON "segment_event"("environment_id", "event_name") WHERE (outcome = 'UNMATCHED');

-- CreateIndex
CREATE INDEX "segment_event_pending_idx" ON "segment_event"("environment_id", "user_id") WHERE (outcome = 'PENDING_USER');

-- CreateIndex
CREATE INDEX "mapping_rule_environment_id_created_at_id_idx" ON "mapping_rule"("environment_id", "created_at", "id");

-- AddForeignKey
ALTER TABLE "mapping_rule" ADD CONSTRAINT "mapping_rule_environment_id_feature_id_fkey" FOREIGN KEY ("environment_id", "feature_id") REFERENCES "feature"("environment_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
