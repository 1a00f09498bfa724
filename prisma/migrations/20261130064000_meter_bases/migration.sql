-- What a meter was sent of a window, and from which event of the ledger on. What else is billable is never sent, and never
-- taken back: see src/billing/meters/rules.ts.
--
-- A window that is not here is added up anew by its next usage, from the ledger and from what was made for meters. So what
-- was sent so far need not be found out here.
DELETE FROM "billing_meter_window";
ALTER TABLE "billing_meter_window" ADD COLUMN     "sent" DECIMAL NOT NULL,
ADD COLUMN     "last_id" BIGINT NOT NULL,
ADD COLUMN     "since_id" BIGINT NOT NULL,
ADD COLUMN     "sent_before" DECIMAL NOT NULL;
