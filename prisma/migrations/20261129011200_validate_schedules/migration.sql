-- In a transaction of its own: it reads the table without a lock that others wait for.
ALTER TABLE "subscription" VALIDATE CONSTRAINT "subscription_cancelled_has_end";
