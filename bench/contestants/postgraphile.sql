-- The same durable, idempotent work as one PL/pgSQL function, which PostGraphile turns into a mutation.
CREATE SCHEMA bench;

CREATE FUNCTION bench.record_usage(user_id text, feature_id text, delta integer DEFAULT 1, idempotency_key text DEFAULT NULL)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
DECLARE
  user_key bigint;
  event_id bigint := nextval('public.usage_event_id_seq');
BEGIN
  SELECT u.key INTO user_key FROM public."user" u
    WHERE u.environment_id = 'test' AND u.id = user_id FOR KEY SHARE;
  IF user_key IS NULL THEN RAISE EXCEPTION 'unknown user'; END IF;
  PERFORM 1 FROM public.feature f WHERE f.environment_id = 'test' AND f.id = feature_id;
  IF NOT FOUND THEN RAISE EXCEPTION 'unknown feature'; END IF;

  IF idempotency_key IS NOT NULL THEN
    INSERT INTO public.usage_key (user_key, idempotency_key, event_id, environment_id, feature_id, action, delta)
    VALUES (user_key, idempotency_key, event_id, 'test', feature_id, 'ADD', delta)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN true; END IF;
  END IF;
  INSERT INTO public.usage_event
    (user_key, id, environment_id, feature_id, action, delta, occurred_at, idempotency_key)
  VALUES (user_key, event_id, 'test', feature_id, 'ADD', delta, now(), idempotency_key);

  INSERT INTO public.usage_counter AS c (user_key, subscription_id, feature_id, window_start, environment_id, used)
  SELECT user_key, s.id, feature_id, public.usage_window_start(s.started_at, pf.reset_period, now()), 'test', delta
  FROM public.subscription s
  JOIN public.package_feature pf ON pf.environment_id = s.environment_id AND pf.package_id = s.package_id
    AND pf.feature_id = record_usage.feature_id
  WHERE s.user_key = user_key AND s.started_at <= now() AND s.ended_at IS NULL
  ON CONFLICT ON CONSTRAINT usage_counter_pkey DO UPDATE SET used = c.used + excluded.used;
  RETURN true;
END $$;
