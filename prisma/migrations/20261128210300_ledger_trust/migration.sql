SET LOCAL lock_timeout = '10s';

-- Why a person recorded a usage by hand.
-- AlterTable
ALTER TABLE "usage_event" ADD COLUMN "note" TEXT;

-- AlterEnum
ALTER TYPE "AuditSubject" ADD VALUE 'USAGE';

-- A random part of the hash of an entry. It goes when the person concerned is deleted, so that nobody can try from the
-- hash that stays which id or email address it was of. Entries of earlier versions have none.
-- AlterTable
ALTER TABLE "audit_entry" ADD COLUMN "salt" UUID;
ALTER TABLE "audit_entry" ALTER COLUMN "salt" SET DEFAULT gen_random_uuid();

-- CreateEnum
CREATE TYPE "SealedLog" AS ENUM ('LEDGER', 'AUDIT', 'AMENDMENTS');

-- CreateTable
CREATE TABLE "seal" (
    "log" "SealedLog" NOT NULL,
    "number" INTEGER NOT NULL,
    "after_id" BIGINT NOT NULL,
    "last_id" BIGINT NOT NULL,
    "row_count" INTEGER NOT NULL,
    "digest" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,
    "sealed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "seal_pkey" PRIMARY KEY ("log","number")
);

-- CreateTable
CREATE TABLE "seal_amendment" (
    "id" BIGSERIAL NOT NULL,
    "log" "SealedLog" NOT NULL,
    "row_id" BIGINT NOT NULL,
    "is_sealed" BOOLEAN NOT NULL,
    "hash_before" BYTEA NOT NULL,
    "hash_after" BYTEA,
    "reason" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "seal_amendment_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "seal_amendment_log_row_id_id_idx" ON "seal_amendment"("log", "row_id", "id");

-- What a seal holds of a row: every column, in a form that no setting of a session changes. src/seals/ uses these, and
-- a test changes each column and expects another hash.
CREATE FUNCTION usage_event_hash(e "usage_event") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(jsonb_build_array(e.id, e.user_key, e.environment_id, e.feature_id, e.action::text,
    trim_scale(e.delta::numeric)::text, (extract(epoch FROM e.occurred_at) * 1000)::bigint,
    (extract(epoch FROM e.recorded_at) * 1000)::bigint, e.idempotency_key, e.source::text, e.note)::text, 'UTF8'))
$$;

CREATE FUNCTION audit_entry_hash(a "audit_entry") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(jsonb_build_array(a.id, a.environment_id, (extract(epoch FROM a.created_at) * 1000)::bigint,
    a.action, a.subject_type::text, a.subject_id, a.user_key, a.author_kind::text, a.key_id, a.last_four, a.request_id,
    a.client_request_id, a.before, a.after, a.withheld, a.salt)::text, 'UTF8'))
$$;

CREATE FUNCTION seal_amendment_hash(m "seal_amendment") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to(jsonb_build_array(m.id, m.log::text, m.row_id, m.is_sealed, encode(m.hash_before, 'hex'),
    encode(m.hash_after, 'hex'), m.reason, (extract(epoch FROM m.created_at) * 1000)::bigint)::text, 'UTF8'))
$$;

-- The only ways in which rows of the ledger and the audit log change or go. Each leaves an amendment for every row, in
-- the same transaction: its hash before and after. They run with the rights of their owner, so that the server's own
-- role needs none to update or delete these rows (see docs). The lock lets no range be sealed meanwhile: whether a row
-- is sealed already must not change under a statement that amends it.
CREATE FUNCTION amend_begin("log" "SealedLog") RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('open-kana seal'), 0);
  RETURN coalesce((SELECT max(s.last_id) FROM "seal" s WHERE s."log" = amend_begin."log"), -9223372036854775808);
END $$;

-- Deletes the usage of these users.
CREATE FUNCTION forget_usage(user_keys bigint[], reason text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('LEDGER');
BEGIN
  WITH gone AS (
    DELETE FROM "usage_event" e WHERE e.user_key = ANY (user_keys) RETURNING e.id, usage_event_hash(e) AS hash
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash, NULL, forget_usage.reason FROM gone ORDER BY id;
END $$;

-- Makes the usage of these users the survivor's. An idempotency key names one usage of one user: where several of them
-- had used the same, the usage that was recorded first keeps it. Rows are moved by deleting and inserting them: where
-- the table is sharded by user, no update can change the user of a row.
CREATE FUNCTION move_usage(survivor_key bigint, merged_keys bigint[], reason text) RETURNS void
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
    SELECT survivor_key, id, environment_id, feature_id, action, delta, occurred_at, recorded_at, idempotency_key,
      source, note
    FROM gone
    RETURNING e.id, usage_event_hash(e) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'LEDGER', id, id <= sealed_to, hash_before, hash_after, move_usage.reason FROM gone JOIN moved USING (id)
  ORDER BY id;
END $$;

-- Takes what the audit log tells about these users out of it: the values, and ids that may be email addresses.
CREATE FUNCTION forget_audit(environment_id text, user_keys bigint[], reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  sealed_to bigint := amend_begin('AUDIT');
BEGIN
  WITH told AS MATERIALIZED (
    SELECT a.id, audit_entry_hash(a) AS hash_before FROM "audit_entry" a
    WHERE a.environment_id = forget_audit.environment_id AND a.user_key = ANY (user_keys)
  ), forgotten AS (
    UPDATE "audit_entry" a SET "before" = NULL, "after" = NULL, "salt" = NULL,
      "subject_id" = CASE WHEN position('@' IN a.subject_id) = 0 THEN a.subject_id END
    FROM told WHERE a.environment_id = forget_audit.environment_id AND a.id = told.id
    RETURNING a.id, told.hash_before, audit_entry_hash(a) AS hash_after
  )
  INSERT INTO "seal_amendment" (log, row_id, is_sealed, hash_before, hash_after, reason)
  SELECT 'AUDIT', id, id <= sealed_to, hash_before, hash_after, forget_audit.reason FROM forgotten ORDER BY id;
END $$;

-- A function with its owner's rights must look nowhere but in this schema.
DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['amend_begin("SealedLog")', 'forget_usage(bigint[], text)',
    'move_usage(bigint, bigint[], text)', 'forget_audit(text, bigint[], text)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
  END LOOP;
END $$;
