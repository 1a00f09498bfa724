-- Users are searched by the beginnings of the words in what is known of them. No extension is needed: this is
-- PostgreSQL's own full-text search, without any language. The expression stands once more in
-- src/users/search-store.ts, letter for letter.
CREATE INDEX "user_search_idx" ON "user" USING gin (to_tsvector('simple', translate(
  "id" || ' ' || coalesce("name", '') || ' ' || coalesce("email", '') || ' ' || coalesce("billing_id", ''),
  '@._-+/:|#', '         ')))
WHERE "merged_into" IS NULL;
