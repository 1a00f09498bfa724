-- The start of the window that "at" falls in, of a subscription that began at "started_at". The rule is
-- stated in src/entitlements/rules.ts (windowAt), and a randomized test holds the two together. PL/pgSQL,
-- because the same as an SQL function is not inlined and takes seven times as long.
CREATE FUNCTION usage_window_start("started_at" timestamptz, "reset_period" "ResetPeriod", "at" timestamptz)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  anchor timestamp := "started_at" AT TIME ZONE 'UTC';
  moment timestamp := "at" AT TIME ZONE 'UTC';
  months integer := CASE "reset_period" WHEN 'MONTH' THEN 1 WHEN 'YEAR' THEN 12 END;
  touched integer;
BEGIN
  IF "reset_period" IS NULL OR "at" <= "started_at" THEN
    RETURN "started_at";
  END IF;
  IF "reset_period" = 'DAY' THEN
    RETURN "started_at" + floor(date_part('epoch', "at" - "started_at") / 86400)::integer * interval '24 hours';
  END IF;
  touched := ((date_part('year', moment) - date_part('year', anchor)) * 12
    + date_part('month', moment) - date_part('month', anchor))::integer / months * months;
  IF anchor + make_interval(months => touched) > moment THEN
    touched := touched - months;
  END IF;
  RETURN (anchor + make_interval(months => touched)) AT TIME ZONE 'UTC';
END $$;
