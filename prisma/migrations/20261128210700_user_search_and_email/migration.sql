-- Emails and words are compared in lower case whatever the locale of the database: by the rules of Unicode, where
-- PostgreSQL was built with ICU, as it mostly is. Elsewhere by the locale.
DO $migration$
DECLARE
  lowered text := CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')
    THEN 'lower(normalize(%s, NFC) COLLATE "und-x-icu")' ELSE 'lower(normalize(%s, NFC))' END;
BEGIN
  EXECUTE format($function$
    CREATE FUNCTION kana_email_key(text) RETURNS text IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $body$
      SELECT btrim(%s, U&' \00a0\3000\feff')
    $body$
  $function$, format(lowered, '$1'));

  -- The words between spaces and punctuation, and each character that is neither letter, digit nor space. The
  -- punctuation stands once more in src/users/search-rules.ts.
  EXECUTE format($function$
    CREATE FUNCTION kana_search_words(id text, name text, email text, billing_id text) RETURNS tsvector
    IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $body$
      SELECT array_to_tsvector(array_remove(
        string_to_array(translate(folded, $marks$!"#$%%&'()*+,-./:;<=>?@[\]^_`{|}~$marks$ || U&'\00a0\3000',
          repeat(' ', 34)), ' ')
        || regexp_split_to_array(regexp_replace(folded, '[[:alnum:][:space:]]', '', 'g'), ''), ''))
      FROM (SELECT %s AS folded) known
    $body$
  $function$, format(lowered,
    '($1 || '' '' || coalesce($2, '''') || '' '' || coalesce($3, '''') || '' '' || coalesce($4, ''''))'));
END
$migration$;

DROP INDEX "user_search_idx";
CREATE INDEX "user_search_idx" ON "user" USING gin (kana_search_words("id", "name", "email", "billing_id"))
WHERE "merged_into" IS NULL;

DROP INDEX "user_environment_id_email_idx";
CREATE INDEX "user_email_key_idx" ON "user" ("environment_id", kana_email_key("email"))
WHERE "email" IS NOT NULL AND "merged_into" IS NULL;
