-- Which usage drew. Usage of users with top-ups waits for the indexes, less than a second for 10^6 draws.
SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "top_up_draw" ADD COLUMN "usage_event_id" BIGINT;

-- DropIndex
DROP INDEX "top_up_draw_user_key_top_up_id_idx";

-- CreateIndex
CREATE INDEX "top_up_draw_user_key_top_up_id_id_idx" ON "top_up_draw"("user_key", "top_up_id", "id");

-- CreateIndex
CREATE INDEX "top_up_draw_user_key_usage_event_id_idx" ON "top_up_draw"("user_key", "usage_event_id") WHERE (usage_event_id IS NOT NULL);
