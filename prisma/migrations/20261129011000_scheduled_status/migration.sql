-- A value of an enum can be used only after the transaction that adds it: the next migration does.
ALTER TYPE "SubscriptionStatus" ADD VALUE 'SCHEDULED';
