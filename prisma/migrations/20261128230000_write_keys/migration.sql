-- Keys that only ingest events. No statement here uses the value: PostgreSQL takes it in a later transaction only.
ALTER TYPE "ApiKeyKind" ADD VALUE IF NOT EXISTS 'WRITE';
