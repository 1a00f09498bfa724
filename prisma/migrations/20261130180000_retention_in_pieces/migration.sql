-- A user with much usage in a partition is summed in pieces; see src/usage/retention/sums-store.ts.
-- A slice of an earlier version may take 300 s, and nothing but retention waits for this.
SET LOCAL lock_timeout = '310s';

-- Up to which id the usage of the user is summed. Null: all of it, as with earlier versions.
-- AlterTable
ALTER TABLE "ledger_summed_user" ADD COLUMN "summed_to" BIGINT;

-- CreateIndex
CREATE INDEX "ledger_summed_user_rest_idx" ON "ledger_summed_user"("user_key") WHERE (summed_to IS NOT NULL);

-- As before, and not while a user is summed in part. A server of an earlier version does not look.
CREATE OR REPLACE FUNCTION drop_usage(up_to bigint) RETURNS TABLE (bytes_before bigint, bytes_after bigint)
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
  IF NOT FOUND OR EXISTS (SELECT FROM "ledger_summed_user" u WHERE u.summed_to IS NOT NULL) THEN
    RAISE EXCEPTION 'the ledger up to % is not summed', up_to;
  END IF;
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

-- Replacing a function takes its settings away. A function with its owner's rights looks nowhere but in this schema.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION drop_usage(bigint) SET search_path = %I, pg_temp', current_schema());
  REVOKE ALL ON FUNCTION drop_usage(bigint) FROM PUBLIC;
END $$;
