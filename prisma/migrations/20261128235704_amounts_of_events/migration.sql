-- The two tables that grow for ever are not written anew: that would hold up recording for minutes. Rows of earlier
-- versions keep their delta in "whole_delta"; see src/database/amount-sql.ts.
SET LOCAL lock_timeout = '10s';

-- AlterTable
ALTER TABLE "usage_event" RENAME COLUMN "delta" TO "whole_delta";
ALTER TABLE "usage_event" ALTER COLUMN "whole_delta" DROP NOT NULL;
ALTER TABLE "usage_event" ADD COLUMN "delta" DECIMAL;

-- AlterTable
ALTER TABLE "segment_event" RENAME COLUMN "delta" TO "whole_delta";
ALTER TABLE "segment_event" ADD COLUMN "delta" DECIMAL;

ALTER TABLE "usage_event"
  ADD CONSTRAINT "usage_event_one_delta" CHECK (num_nonnulls("delta", "whole_delta") = 1) NOT VALID,
  ADD CONSTRAINT "usage_event_amount_set_not_negative" CHECK ("action" <> 'SET' OR "delta" >= 0) NOT VALID;

-- The same hash for the same number, in whichever column it is: seals of earlier rows hold, also after a merge.
CREATE OR REPLACE FUNCTION usage_event_hash(e "usage_event") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(jsonb_build_array(e.id, e.user_key, e.environment_id, e.feature_id, e.action::text,
    trim_scale(coalesce(e.delta, 0) + coalesce(e.whole_delta, 0))::text, (extract(epoch FROM e.occurred_at) * 1000)::bigint,
    (extract(epoch FROM e.recorded_at) * 1000)::bigint, e.idempotency_key, e.source::text, e.note)::text, 'UTF8'))
$$;

-- As before, with the delta of either column.
CREATE OR REPLACE FUNCTION move_usage(survivor_key bigint, merged_keys bigint[], reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  WITH keyed AS (
    SELECT user_key, id, row_number() OVER (PARTITION BY idempotency_key ORDER BY id) AS turn FROM "usage_event"
    WHERE user_key = ANY (merged_keys || survivor_key) AND idempotency_key IS NOT NULL
  ), repeated AS (
    SELECT e.user_key, e.id, usage_event_hash(e) AS hash_before
    FROM keyed JOIN "usage_event" e ON e.user_key = keyed.user_key AND e.id = keyed.id WHERE keyed.turn > 1
  ), cleared AS (
    UPDATE "usage_event" e SET idempotency_key = NULL FROM repeated
    WHERE e.user_key = repeated.user_key AND e.id = repeated.id
    RETURNING e.id, repeated.hash_before, usage_event_hash(e) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash_before, hash_after, move_usage.reason FROM cleared ORDER BY id;

  WITH gone AS (
    DELETE FROM "usage_event" e WHERE e.user_key = ANY (merged_keys) RETURNING e.*, usage_event_hash(e) AS hash_before
  ), moved AS (
    INSERT INTO "usage_event" AS e (user_key, id, environment_id, feature_id, action, delta, occurred_at, recorded_at,
      idempotency_key, source, note)
    SELECT survivor_key, id, environment_id, feature_id, action, coalesce(delta, whole_delta), occurred_at, recorded_at, idempotency_key,
      source, note
    FROM gone
    RETURNING e.id, usage_event_hash(e) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash_before, hash_after, move_usage.reason FROM gone JOIN moved USING (id)
  ORDER BY id;
END $$;

-- Replacing a function takes its settings away.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION move_usage(bigint, bigint[], text) SET search_path = %I, pg_temp', current_schema());
END $$;
