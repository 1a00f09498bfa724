SET LOCAL lock_timeout = '10s';

-- CreateEnum
CREATE TYPE "MemberRoleKind" AS ENUM ('VIEWER', 'EDITOR', 'ADMIN');

-- AlterEnum
ALTER TYPE "AuditSubject" ADD VALUE 'MEMBER';
ALTER TYPE "AuditSubject" ADD VALUE 'INVITATION';
ALTER TYPE "AuditSubject" ADD VALUE 'SESSION';

-- AlterTable
ALTER TABLE "audit_entry" ADD COLUMN "member_id" UUID;

-- AlterTable
ALTER TABLE "console_session" ADD COLUMN "member_id" UUID,
ALTER COLUMN "key_id" DROP NOT NULL;

-- AlterTable
ALTER TABLE "subscriber_migration" ADD COLUMN "member_id" UUID;

-- CreateTable
CREATE TABLE "member" (
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "password_hash" TEXT,
    "oidc_subject" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "member_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "member_role" (
    "environment_id" TEXT NOT NULL,
    "member_id" UUID NOT NULL,
    "role" "MemberRoleKind" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "member_role_pkey" PRIMARY KEY ("environment_id","member_id")
);

-- CreateTable
CREATE TABLE "invitation" (
    "environment_id" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "token_hash" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "role" "MemberRoleKind" NOT NULL,
    "author_kind" "AuthorKind" NOT NULL,
    "key_id" UUID,
    "last_four" TEXT,
    "member_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "invitation_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateTable
CREATE TABLE "password_reset" (
    "token_hash" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "member_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "password_reset_pkey" PRIMARY KEY ("token_hash")
);

-- CreateIndex
CREATE UNIQUE INDEX "member_email_key" ON "member"("email");

-- CreateIndex
CREATE UNIQUE INDEX "member_oidc_subject_key" ON "member"("oidc_subject");

-- CreateIndex
CREATE INDEX "member_role_member_id_idx" ON "member_role"("member_id");

-- CreateIndex
CREATE UNIQUE INDEX "invitation_token_hash_key" ON "invitation"("token_hash");

-- CreateIndex
CREATE INDEX "invitation_email_environment_id_idx" ON "invitation"("email", "environment_id");

-- CreateIndex
CREATE INDEX "password_reset_environment_id_member_id_idx" ON "password_reset"("environment_id", "member_id");

-- CreateIndex
CREATE INDEX "console_session_member_id_created_at_idx" ON "console_session"("member_id", "created_at") WHERE (member_id IS NOT NULL);

-- AddForeignKey
ALTER TABLE "console_session" ADD CONSTRAINT "console_session_environment_id_member_id_fkey" FOREIGN KEY ("environment_id", "member_id") REFERENCES "member_role"("environment_id", "member_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member_role" ADD CONSTRAINT "member_role_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member_role" ADD CONSTRAINT "member_role_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "member"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "password_reset" ADD CONSTRAINT "password_reset_environment_id_member_id_fkey" FOREIGN KEY ("environment_id", "member_id") REFERENCES "member_role"("environment_id", "member_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A session is of a key or of a member. What was there before is of keys, so the check needs to read no row for long.
ALTER TABLE "console_session" ADD CONSTRAINT "console_session_owner" CHECK (num_nonnulls("key_id", "member_id") = 1);

ALTER TABLE "member" ADD CONSTRAINT "member_email_form" CHECK ("email" = lower(btrim("email")) AND "email" <> '');
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_email_form" CHECK ("email" = lower(btrim("email")) AND "email" <> '');
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_lifetime" CHECK ("expires_at" > "created_at");
ALTER TABLE "password_reset" ADD CONSTRAINT "password_reset_lifetime" CHECK ("expires_at" > "created_at");

-- The person is part of what a seal holds. Entries without one keep the hash that they had.
CREATE OR REPLACE FUNCTION audit_entry_hash(a "audit_entry") RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT sha256(convert_to((jsonb_build_array(a.id, a.environment_id, (extract(epoch FROM a.created_at) * 1000)::bigint,
    a.action, a.subject_type::text, a.subject_id, a.user_key, a.author_kind::text, a.key_id, a.last_four, a.request_id,
    a.client_request_id, a.before, a.after, a.withheld, a.salt)
    || CASE WHEN a.member_id IS NULL THEN '[]' ELSE jsonb_build_array(a.member_id) END)::text, 'UTF8'))
$$;
