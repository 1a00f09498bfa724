-- Whose a customer is may change with the billing ids of users: then Stripe is asked anew, and the user is looked for again.
ALTER TABLE "stripe_customer" ADD COLUMN IF NOT EXISTS "doubted_at" TIMESTAMPTZ(6);

CREATE OR REPLACE FUNCTION kana_doubt_customers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  former text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.billing_id END;
BEGIN
  UPDATE stripe_customer SET doubted_at = clock_timestamp(), wanted_at = clock_timestamp(), wanted_tries = 0
  WHERE environment_id = NEW.environment_id AND id IN (NEW.billing_id, former) AND (
    -- Nobody could be chosen, or nobody was to be.
    user_key IS NULL AND (flagged_at IS NOT NULL OR is_forgotten)
    OR id = NEW.billing_id AND user_key <> NEW.key
    OR id = former AND user_key = NEW.key);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER user_with_billing_id AFTER INSERT ON "user"
  FOR EACH ROW WHEN (NEW.billing_id IS NOT NULL) EXECUTE FUNCTION kana_doubt_customers();
CREATE OR REPLACE TRIGGER user_of_other_billing_id AFTER UPDATE OF billing_id ON "user"
  FOR EACH ROW WHEN (NEW.billing_id IS DISTINCT FROM OLD.billing_id AND NEW.merged_into IS NULL)
  EXECUTE FUNCTION kana_doubt_customers();
