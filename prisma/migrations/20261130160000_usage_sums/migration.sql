-- In a migration of its own: a new value of an enum cannot be used in the transaction that adds it.
-- AlterEnum
ALTER TYPE "SealedLog" ADD VALUE 'SUMS';
