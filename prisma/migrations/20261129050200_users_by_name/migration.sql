-- The list of users in the order of names. Recording usage does not wait for this; creating and changing users does, for
-- some seconds with 10^6 of them.
SET LOCAL lock_timeout = '10s';

CREATE INDEX "user_name_idx" ON "user" ("environment_id", lower(coalesce(nullif("name", ''), "id")), "id")
  WHERE merged_into IS NULL;
