-- Nothing here reads the ledger: recording waits for an instant. Ids go on in the first partition; a job moves them on to
-- the next one (src/usage/ledger/partitions.ts), because a sequence does not come back if this is rolled back.
SET LOCAL lock_timeout = '10s';

ALTER TABLE "usage_event" RENAME TO "usage_event_first";
ALTER TABLE "usage_event_first" RENAME CONSTRAINT "usage_event_pkey" TO "usage_event_first_pkey";
ALTER INDEX "usage_event_id_idx" RENAME TO "usage_event_first_id_idx";
ALTER INDEX "usage_event_user_key_idempotency_key_key" RENAME TO "usage_event_first_user_key_idempotency_key_key";

-- CreateTable
CREATE TABLE "usage_event" (LIKE "usage_event_first" INCLUDING DEFAULTS) PARTITION BY RANGE ("id");
ALTER TABLE "usage_event" ADD CONSTRAINT "usage_event_pkey" PRIMARY KEY ("user_key", "id");
CREATE INDEX "usage_event_id_idx" ON "usage_event"("id");
ALTER SEQUENCE "usage_event_id_seq" OWNED BY "usage_event"."id";

DO $$
DECLARE
  next_range bigint := (
    SELECT substring(pg_get_constraintdef(oid) FROM '\d+')::bigint FROM pg_constraint
    WHERE conrelid = '"usage_event_first"'::regclass AND conname = 'usage_event_first_range');
  held record;
BEGIN
  -- What rows of earlier versions break in the first partition binds new rows in all of them.
  FOR held IN
    SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid = '"usage_event_first"'::regclass AND contype = 'c' AND conname <> 'usage_event_first_range'
  LOOP
    EXECUTE format('ALTER TABLE "usage_event" ADD CONSTRAINT %I %s', held.conname, held.definition);
  END LOOP;
  EXECUTE format('ALTER TABLE "usage_event" ATTACH PARTITION "usage_event_first" FOR VALUES FROM (MINVALUE) TO (%s)', next_range);
END $$;
ALTER TABLE "usage_event_first" DROP CONSTRAINT "usage_event_first_range";

-- The same hash, of a row of any partition.
CREATE FUNCTION usage_event_hash(e "usage_event") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(jsonb_build_array(e.id, e.user_key, e.environment_id, e.feature_id, e.action::text,
    trim_scale(coalesce(e.delta, 0) + coalesce(e.whole_delta, 0))::text, (extract(epoch FROM e.occurred_at) * 1000)::bigint,
    (extract(epoch FROM e.recorded_at) * 1000)::bigint, e.idempotency_key, e.source::text, e.note)::text, 'UTF8'))
$$;
DROP FUNCTION usage_event_hash("usage_event_first");

-- Makes the partitions for ids up to this one. Each has 2^24 ids. They are made ahead of what is recorded, because a
-- statement that has begun does not see a partition that is made after it.
CREATE FUNCTION add_usage_partitions(up_to bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  first_id bigint;
  next_id bigint;
  partition text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('open-kana ledger partitions'), 0);
  SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)')::bigint) INTO first_id
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"usage_event"'::regclass;
  WHILE first_id <= up_to LOOP
    next_id := ((first_id >> 24) + 1) << 24;
    partition := format('usage_event_%s', first_id >> 24);
    EXECUTE format('CREATE TABLE %I (LIKE "usage_event" INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
    EXECUTE format('ALTER TABLE "usage_event" ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', partition, first_id, next_id);
    first_id := next_id;
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- Moves the ids on to the next partition if the present one is the first, or began in an earlier month: so partitions are
-- periods of time. Whoever draws an id meanwhile gets a smaller one, because what is skipped is never few.
CREATE FUNCTION turn_ledger() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  few constant bigint := 1 << 20;
  last_id bigint;
  next_id bigint;
  began_at timestamptz;
  is_first boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('open-kana ledger partitions'), 0);
  SELECT last_value INTO last_id FROM "usage_event_id_seq" WHERE is_called;
  SELECT to_id, from_id IS NULL INTO next_id, is_first FROM (
    SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)')::bigint AS to_id,
      substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''?(\d+)')::bigint AS from_id
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"usage_event"'::regclass
  ) range WHERE last_id < to_id ORDER BY to_id LIMIT 1;
  IF next_id IS NULL THEN RETURN false; END IF;
  IF NOT is_first THEN
    SELECT recorded_at INTO began_at FROM "usage_event"
    WHERE id >= (((next_id - 1) >> 24) << 24) AND id < next_id ORDER BY id LIMIT 1;
    IF began_at IS NULL OR date_trunc('month', began_at, 'UTC') = date_trunc('month', now(), 'UTC') THEN
      RETURN false;
    END IF;
  END IF;
  IF next_id - last_id < few THEN next_id := next_id + (1 << 24); END IF;
  -- One that is made now is not seen by statements that have begun: it waits for the next turn.
  IF NOT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"usage_event"'::regclass
      AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''?(\d+)')::bigint = next_id
  ) THEN RETURN false; END IF;
  PERFORM setval('"usage_event_id_seq"', next_id, false);
  RETURN true;
END $$;

-- As before, and the keys.
CREATE OR REPLACE FUNCTION forget_usage(user_keys bigint[], reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  DELETE FROM "usage_key" k WHERE k.user_key = ANY (user_keys);
  WITH gone AS (
    DELETE FROM "usage_event" e WHERE e.user_key = ANY (user_keys) RETURNING e.id, usage_event_hash(e) AS hash
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash, NULL, forget_usage.reason FROM gone ORDER BY id;
END $$;

-- As before, and the keys: those whose usage has lost its key go, the others become the survivor's.
CREATE OR REPLACE FUNCTION move_usage(survivor_key bigint, merged_keys bigint[], reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  WITH keyed AS (
    SELECT user_key, id, row_number() OVER (PARTITION BY idempotency_key ORDER BY id) AS turn FROM "usage_event"
    WHERE user_key = ANY (merged_keys || survivor_key) AND idempotency_key IS NOT NULL
  ), repeated AS (
    SELECT e.user_key, e.id, e.idempotency_key, usage_event_hash(e) AS hash_before
    FROM keyed JOIN "usage_event" e ON e.user_key = keyed.user_key AND e.id = keyed.id WHERE keyed.turn > 1
  ), gone AS (
    DELETE FROM "usage_key" k USING repeated
    WHERE k.user_key = repeated.user_key AND k.idempotency_key = repeated.idempotency_key
  ), cleared AS (
    UPDATE "usage_event" e SET idempotency_key = NULL FROM repeated
    WHERE e.user_key = repeated.user_key AND e.id = repeated.id
    RETURNING e.id, repeated.hash_before, usage_event_hash(e) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash_before, hash_after, move_usage.reason FROM cleared ORDER BY id;

  WITH gone AS (DELETE FROM "usage_key" k WHERE k.user_key = ANY (merged_keys) RETURNING k.*)
  INSERT INTO "usage_key" (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
  SELECT survivor_key, idempotency_key, event_id, environment_id, feature_id, action, delta FROM gone;

  WITH gone AS (
    DELETE FROM "usage_event" e WHERE e.user_key = ANY (merged_keys) RETURNING e.*, usage_event_hash(e) AS hash_before
  ), moved AS (
    INSERT INTO "usage_event" AS e (user_key, id, environment_id, feature_id, action, delta, occurred_at, recorded_at,
      idempotency_key, source, note)
    SELECT survivor_key, id, environment_id, feature_id, action, coalesce(delta, whole_delta), occurred_at, recorded_at,
      idempotency_key, source, note
    FROM gone
    RETURNING e.id, usage_event_hash(e) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash_before, hash_after, move_usage.reason FROM gone JOIN moved USING (id)
  ORDER BY id;
END $$;

-- Replacing a function takes its settings away. A function with its owner's rights looks nowhere but in this schema.
DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['forget_usage(bigint[], text)', 'move_usage(bigint, bigint[], text)',
    'add_usage_partitions(bigint)', 'turn_ledger()']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
  END LOOP;
END $$;

SELECT add_usage_partitions((SELECT last_value FROM "usage_event_id_seq") + 4 * (1 << 24));
