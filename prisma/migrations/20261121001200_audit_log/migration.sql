-- CreateEnum
CREATE TYPE "AuthorKind" AS ENUM ('PRIVATE_KEY', 'CONSOLE', 'COMMAND', 'SERVER');

-- CreateEnum
CREATE TYPE "AuditSubject" AS ENUM ('FEATURE', 'PACKAGE', 'USER', 'SUBSCRIPTION', 'MAPPING_RULE', 'API_KEY', 'IMPORT', 'TOKEN_SECRET');

-- CreateTable
CREATE TABLE "audit_entry" (
    "environment_id" TEXT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "action" TEXT NOT NULL,
    "subject_type" "AuditSubject" NOT NULL,
    "subject_id" TEXT,
    "user_key" BIGINT,
    "author_kind" "AuthorKind" NOT NULL,
    "key_id" UUID,
    "last_four" TEXT,
    "request_id" TEXT,
    "before" JSONB,
    "after" JSONB,
    "withheld" TEXT[],

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("environment_id","id")
);

-- CreateIndex
CREATE INDEX "audit_entry_environment_id_subject_type_subject_id_id_idx" ON "audit_entry"("environment_id", "subject_type", "subject_id", "id");

-- CreateIndex
CREATE INDEX "audit_entry_environment_id_user_key_id_idx" ON "audit_entry"("environment_id", "user_key", "id") WHERE (user_key IS NOT NULL);

-- CreateIndex
CREATE INDEX "audit_entry_environment_id_key_id_id_idx" ON "audit_entry"("environment_id", "key_id", "id") WHERE (key_id IS NOT NULL);

-- AddForeignKey
ALTER TABLE "audit_entry" ADD CONSTRAINT "audit_entry_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
