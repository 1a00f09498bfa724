-- AlterEnum
ALTER TYPE "SegmentOutcome" ADD VALUE 'DELTA_UNUSABLE';

-- AlterTable
ALTER TABLE "mapping_rule" ADD COLUMN     "delta_path" TEXT;

-- CreateTable
CREATE TABLE "deleted_user" (
    "environment_id" TEXT NOT NULL,
    "id_hash" BYTEA NOT NULL,
    "deleted_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "deleted_user_pkey" PRIMARY KEY ("environment_id","id_hash")
);

-- CreateTable
CREATE TABLE "deleted_user_salt" (
    "environment_id" TEXT NOT NULL,
    "salt" BYTEA NOT NULL,

    CONSTRAINT "deleted_user_salt_pkey" PRIMARY KEY ("environment_id")
);
