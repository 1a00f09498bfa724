-- In a transaction of its own: it reads the table without a lock that others wait for.
ALTER TABLE "package" VALIDATE CONSTRAINT "package_draft_is_the_next_version";
