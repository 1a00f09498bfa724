-- In a migration of its own: neither recording nor checks wait while the ledger is read.
ALTER TABLE "usage_event" VALIDATE CONSTRAINT "usage_event_first_range";
