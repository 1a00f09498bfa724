-- The start of the window that `at` falls in, of a usage that began to count at `started_at`.
-- The rule is stated in src/entitlements/rules.ts (windowAt); a randomized test holds the two together.
-- Months are added to the anchor in UTC and clamp to the last day of a short month.
CREATE FUNCTION month_window_start("started" timestamp, "moment" timestamp, "months" integer) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN "started" + make_interval(months => "months" * (
  (((extract(year FROM "moment") - extract(year FROM "started")) * 12
    + extract(month FROM "moment") - extract(month FROM "started"))::integer / "months")
  - ("started" + make_interval(months => "months" * (
      ((extract(year FROM "moment") - extract(year FROM "started")) * 12
        + extract(month FROM "moment") - extract(month FROM "started"))::integer / "months"
    )) > "moment")::integer
));

CREATE FUNCTION usage_window_start("started_at" timestamptz, "reset_period" "ResetPeriod", "at" timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN "reset_period" IS NULL OR "at" <= "started_at" THEN "started_at"
  WHEN "reset_period" = 'DAY' THEN
    "started_at" + floor(extract(epoch FROM "at" - "started_at") / 86400)::integer * interval '24 hours'
  ELSE month_window_start(
    "started_at" AT TIME ZONE 'UTC',
    "at" AT TIME ZONE 'UTC',
    CASE "reset_period" WHEN 'MONTH' THEN 1 ELSE 12 END
  ) AT TIME ZONE 'UTC'
END;
