-- For the list of a user's open reservations, soonest to lapse first.
CREATE INDEX "reservation_user_key_expires_at_id_idx" ON "reservation"("user_key", "expires_at", "id");
