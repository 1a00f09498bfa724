-- Retention: an old partition of the ledger is replaced by sums of its rows; see src/usage/retention/.
SET LOCAL lock_timeout = '10s';

-- Of a seal of sums: the last amendment when it was made.
-- AlterTable
ALTER TABLE "seal" ADD COLUMN "amended_to" BIGINT;

-- The sums of one partition, until they replace it.
-- CreateTable
CREATE TABLE "usage_sum" (LIKE "usage_event" INCLUDING CONSTRAINTS);
ALTER TABLE "usage_sum" ADD CONSTRAINT "usage_sum_pkey" PRIMARY KEY ("user_key", "id");

-- CreateIndex
CREATE INDEX "usage_sum_id_idx" ON "usage_sum"("id");

-- CreateTable
CREATE TABLE "ledger_summing" (
    "to_id" BIGINT NOT NULL,
    "from_id" BIGINT,
    "summed_key" BIGINT NOT NULL DEFAULT 0,
    "is_summed" BOOLEAN NOT NULL DEFAULT false,
    "amended_to" BIGINT NOT NULL,
    "began_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_summing_pkey" PRIMARY KEY ("to_id")
);

-- CreateTable
CREATE TABLE "ledger_summed_user" (
    "user_key" BIGINT NOT NULL,
    "revision" INTEGER NOT NULL,

    CONSTRAINT "ledger_summed_user_pkey" PRIMARY KEY ("user_key")
);

-- CreateTable
CREATE TABLE "ledger_drop" (
    "to_id" BIGINT NOT NULL,
    "amended_to" BIGINT NOT NULL,
    "dropped_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_drop_pkey" PRIMARY KEY ("to_id")
);

-- The rows of the ledger before this id are sums.
CREATE FUNCTION usage_summed_to() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(max(to_id), -9223372036854775808) FROM "ledger_drop"
$$;

-- Replaces a partition by its sums, in an instant: everything is made ready before recording has to wait. Who calls it has
-- locked what the sums depend on, and the seals; see src/usage/retention/drop-store.ts. It answers how many bytes the
-- partition had, and how many the sums have.
CREATE FUNCTION drop_usage(up_to bigint) RETURNS TABLE (bytes_before bigint, bytes_after bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  summing "ledger_summing";
  former regclass;
  name text;
  last_recorded timestamptz;
  roles text[];
  role text;
BEGIN
  SELECT * INTO summing FROM "ledger_summing" s WHERE s.to_id = up_to AND s.is_summed;
  IF NOT FOUND THEN RAISE EXCEPTION 'the ledger up to % is not summed', up_to; END IF;
  SELECT c.oid, c.relname INTO former, name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = '"usage_event"'::regclass
    AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)')::bigint = summing.to_id
    AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''?(\d+)')::bigint IS NOT DISTINCT FROM summing.from_id;
  IF NOT FOUND THEN RAISE EXCEPTION 'no partition ends at %', up_to; END IF;
  -- Whatever the server asks for, what is recent stays: with two roles this is all that it may delete.
  EXECUTE format('SELECT recorded_at FROM %s ORDER BY id DESC LIMIT 1', former) INTO last_recorded;
  IF last_recorded > now() - interval '3 months' OR up_to > (SELECT last_value FROM "usage_event_id_seq") THEN
    RAISE EXCEPTION 'the ledger up to % is too recent', up_to;
  END IF;

  -- A seal that covers rows of the next partition too stays provable: each row of this one leaves its hash.
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', e.id, true, usage_event_hash(e), NULL, 'retention'
  FROM "seal" s JOIN "usage_event" e ON e.id > s.after_id AND e.id < up_to AND e.id >= coalesce(summing.from_id, e.id)
  WHERE s.log = 'LEDGER' AND s.after_id < up_to AND s.last_id >= up_to ORDER BY e.id;
  INSERT INTO "ledger_drop" (to_id, amended_to)
  VALUES (up_to, (SELECT coalesce(max(id), 0) FROM "seal_amendment"));
  bytes_before := pg_total_relation_size(former);
  bytes_after := pg_total_relation_size('"usage_sum"');
  SELECT array_agg(DISTINCT a.grantee::regrole::text) INTO roles FROM pg_class c, aclexplode(c.relacl) a
  WHERE c.oid = '"usage_sum"'::regclass AND a.grantee NOT IN (c.relowner, 0);

  -- With this, attaching it reads no row.
  EXECUTE format('ALTER TABLE "usage_sum" ADD CONSTRAINT "usage_sum_range" CHECK ("id" < %s AND "id" >= %s)',
    summing.to_id, coalesce(summing.from_id, -9223372036854775808));
  -- Recording looks for keys of earlier versions in it: all of them are rows of usage_key now.
  IF name = 'usage_event_first' THEN
    CREATE INDEX "usage_event_first_key_idx" ON "usage_sum"("user_key", "idempotency_key")
    WHERE "idempotency_key" IS NOT NULL;
  END IF;
  -- From here on recording waits.
  EXECUTE format('ALTER TABLE "usage_event" DETACH PARTITION %s', former);
  EXECUTE format('DROP TABLE %s', former);
  EXECUTE format('ALTER TABLE "usage_sum" RENAME CONSTRAINT "usage_sum_pkey" TO %I', name || '_pkey');
  EXECUTE format('ALTER INDEX "usage_sum_id_idx" RENAME TO %I', name || '_id_idx');
  EXECUTE format('ALTER TABLE "usage_sum" RENAME TO %I', name);
  EXECUTE format('ALTER TABLE "usage_event" ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name,
    coalesce(summing.from_id::text, 'MINVALUE'), summing.to_id);
  EXECUTE format('ALTER TABLE %I DROP CONSTRAINT "usage_sum_range"', name);

  EXECUTE 'CREATE TABLE "usage_sum" (LIKE "usage_event" INCLUDING CONSTRAINTS)';
  EXECUTE 'ALTER TABLE "usage_sum" ADD CONSTRAINT "usage_sum_pkey" PRIMARY KEY ("user_key", "id")';
  EXECUTE 'CREATE INDEX "usage_sum_id_idx" ON "usage_sum"("id")';
  FOREACH role IN ARRAY coalesce(roles, '{}') LOOP
    EXECUTE format('REVOKE ALL ON %I FROM %s', name, role);
    IF name = 'usage_event_first' THEN EXECUTE format('GRANT SELECT ON %I TO %s', name, role); END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON "usage_sum" TO %s', role);
  END LOOP;
  DELETE FROM "ledger_summing";
  TRUNCATE "ledger_summed_user";
  RETURN NEXT;
END $$;

-- Autovacuum analyses the partitions, and never the whole: without its figures plans for all of the ledger are guesses.
CREATE FUNCTION analyze_ledger() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('open-kana ledger analysis'), 0)
    OR pg_stat_get_last_analyze_time('"usage_event"'::regclass) > now() - interval '1 day' THEN
    RETURN false;
  END IF;
  ANALYZE "usage_event";
  RETURN true;
END $$;

-- As before, and the sums that are being made.
CREATE OR REPLACE FUNCTION forget_usage(user_keys bigint[], reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  DELETE FROM "usage_key" k WHERE k.user_key = ANY (user_keys);
  DELETE FROM "usage_sum" s WHERE s.user_key = ANY (user_keys);
  WITH gone AS (
    DELETE FROM "usage_event" e WHERE e.user_key = ANY (user_keys) RETURNING e.id, usage_event_hash(e) AS hash
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash, NULL, forget_usage.reason FROM gone ORDER BY id;
END $$;

-- As before. The keys of usage that was dropped are rows of usage_key alone.
CREATE OR REPLACE FUNCTION move_usage(survivor_key bigint, merged_keys bigint[], reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  WITH keyed AS (
    SELECT user_key, id, idempotency_key, row_number() OVER (PARTITION BY idempotency_key ORDER BY id) AS turn FROM (
      SELECT user_key, id, idempotency_key FROM "usage_event"
      WHERE user_key = ANY (merged_keys || survivor_key) AND idempotency_key IS NOT NULL
      UNION
      SELECT user_key, event_id, idempotency_key FROM "usage_key"
      WHERE user_key = ANY (merged_keys || survivor_key) AND event_id < usage_summed_to()
    ) used
  ), repeated AS (
    SELECT e.user_key, e.id, e.idempotency_key, usage_event_hash(e) AS hash_before
    FROM keyed JOIN "usage_event" e ON e.user_key = keyed.user_key AND e.id = keyed.id
      AND e.idempotency_key = keyed.idempotency_key WHERE keyed.turn > 1
  ), gone AS (
    DELETE FROM "usage_key" k USING keyed
    WHERE keyed.turn > 1 AND k.user_key = keyed.user_key AND k.idempotency_key = keyed.idempotency_key
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
    'drop_usage(bigint)', 'analyze_ledger()']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
  END LOOP;
END $$;
