-- Reset periods: HOUR, WEEK and QUARTER; every N of them; windows of the local calendar.
ALTER TYPE "ResetPeriod" ADD VALUE 'QUARTER' AFTER 'YEAR';
ALTER TYPE "ResetPeriod" ADD VALUE 'WEEK' AFTER 'MONTH';
ALTER TYPE "ResetPeriod" ADD VALUE 'HOUR' AFTER 'DAY';

-- The time zone of windows of the calendar; null: windows are counted from the start of the subscription.
ALTER TABLE package_feature ADD COLUMN reset_every integer NOT NULL DEFAULT 1, ADD COLUMN time_zone text;
ALTER TABLE package_feature
  ADD CONSTRAINT package_feature_reset_every CHECK (reset_every BETWEEN 1 AND 1000) NOT VALID,
  ADD CONSTRAINT package_feature_reset_terms
    CHECK (reset_period IS NOT NULL OR (reset_every = 1 AND time_zone IS NULL)) NOT VALID;

-- What a package feature gets that names none; null is UTC.
ALTER TABLE environment ADD COLUMN time_zone text;
ALTER TYPE "AuditSubject" ADD VALUE 'ENVIRONMENT' AFTER 'MAPPING_RULE';

-- Whether this server knows a time zone.
CREATE FUNCTION is_time_zone("name" text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM now() AT TIME ZONE "name";
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END $$;

-- The instant of a local time. A time that the clock shows twice is its first one, or the last one that is not after
-- "latest". One that the clock skips is the instant of the skip.
-- IMMUTABLE as PostgreSQL's own AT TIME ZONE: both change only with the server's time zone data.
CREATE FUNCTION local_instant("local" timestamp, "time_zone" text, "latest" timestamptz)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  utc timestamptz := "local" AT TIME ZONE 'UTC';
  -- The clock a day before and a day after: a change of the offset lies between.
  before timestamptz := utc - (((utc - interval '24 hours') AT TIME ZONE "time_zone") - ("local" - interval '24 hours'));
  after timestamptz := utc - (((utc + interval '24 hours') AT TIME ZONE "time_zone") - ("local" + interval '24 hours'));
BEGIN
  IF before = after OR after AT TIME ZONE "time_zone" <> "local" THEN
    RETURN before;
  END IF;
  IF before AT TIME ZONE "time_zone" <> "local" OR after <= "latest" THEN
    RETURN after;
  END IF;
  RETURN before;
END $$;

-- The start of the window of the calendar that "at" falls in; see src/entitlements/window-rules.ts.
CREATE FUNCTION calendar_window_start("reset_period" "ResetPeriod", "reset_every" integer, "time_zone" text,
  "at" timestamptz)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  clock timestamp := "at" AT TIME ZONE "time_zone";
  months integer := "reset_every" * CASE "reset_period" WHEN 'MONTH' THEN 1 WHEN 'QUARTER' THEN 3 WHEN 'YEAR' THEN 12 END;
  hours integer := "reset_every" * CASE "reset_period" WHEN 'HOUR' THEN 1 WHEN 'DAY' THEN 24 WHEN 'WEEK' THEN 168 END;
  epoch timestamp := CASE "reset_period" WHEN 'WEEK' THEN timestamp '1970-01-05' ELSE timestamp '1970-01-01' END;
  number integer;
  start timestamptz;
  latest timestamptz := CASE "reset_period" WHEN 'HOUR' THEN "at" END;
BEGIN
  IF months IS NULL THEN
    number := floor(date_part('epoch', clock - epoch) / 3600 / hours);
  ELSE
    number := (date_part('year', clock) * 12 + date_part('month', clock) - 1)::integer / months;
  END IF;
  -- Where the clock was put back, the next window may have begun before.
  IF ("at" - interval '24 hours') AT TIME ZONE "time_zone" + interval '24 hours' > clock THEN
    number := number + 1;
  END IF;
  LOOP
    start := local_instant(
      CASE WHEN months IS NULL THEN epoch + number * hours * interval '1 hour'
        ELSE make_timestamp(number * months / 12, number * months % 12 + 1, 1, 0, 0, 0) END,
      "time_zone", latest);
    EXIT WHEN start <= "at";
    number := number - 1;
  END LOOP;
  RETURN start;
END $$;

-- The start of the window that "at" falls in, of a subscription that began at "started_at". The rule is
-- stated in src/entitlements/window-rules.ts (windowAt), and a randomized test holds the two together. PL/pgSQL,
-- because the same as an SQL function is not inlined and takes seven times as long. The function of the same name
-- with three arguments stays for processes of the version before.
CREATE FUNCTION usage_window_start("started_at" timestamptz, "reset_period" "ResetPeriod", "reset_every" integer,
  "time_zone" text, "at" timestamptz)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  months integer;
  hours integer;
  anchor timestamp;
  moment timestamp;
  touched integer;
BEGIN
  IF "reset_period" IS NULL OR "at" <= "started_at" THEN
    RETURN "started_at";
  END IF;
  IF "time_zone" IS NOT NULL THEN
    RETURN greatest("started_at", calendar_window_start("reset_period", "reset_every", "time_zone", "at"));
  END IF;
  months := "reset_every" * CASE "reset_period" WHEN 'MONTH' THEN 1 WHEN 'YEAR' THEN 12 WHEN 'QUARTER' THEN 3 END;
  IF months IS NULL THEN
    hours := "reset_every" * CASE "reset_period" WHEN 'DAY' THEN 24 WHEN 'HOUR' THEN 1 WHEN 'WEEK' THEN 168 END;
    RETURN "started_at"
      + floor(date_part('epoch', "at" - "started_at") / 3600 / hours)::integer * hours * interval '1 hour';
  END IF;
  anchor := "started_at" AT TIME ZONE 'UTC';
  moment := "at" AT TIME ZONE 'UTC';
  touched := ((date_part('year', moment) - date_part('year', anchor)) * 12
    + date_part('month', moment) - date_part('month', anchor))::integer / months * months;
  IF anchor + make_interval(months => touched) > moment THEN
    touched := touched - months;
  END IF;
  RETURN (anchor + make_interval(months => touched)) AT TIME ZONE 'UTC';
END $$;
