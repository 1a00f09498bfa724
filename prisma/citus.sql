-- Distributes a fresh database over a Citus cluster (Citus 11 or newer), when one PostgreSQL is outgrown:
--
--   1. create the extension on the coordinator, and add the workers;
--   2. start one instance on the coordinator with KANA_DEMO=false, which migrates, and stop it;
--   3. run this file once with psql;
--   4. start as many instances as you like.
--
-- What a user owns is sharded by user, so that a call about one user stays on one shard. What every call
-- looks up first (environments, keys, the catalogue, users) is copied to every node. Tables come after those
-- that they refer to.
BEGIN;

SELECT create_reference_table('environment');
SELECT create_reference_table('api_key');
SELECT create_reference_table('console_session');
SELECT create_reference_table('user_token_secret');
SELECT create_reference_table('feature');
SELECT create_reference_table('package');
SELECT create_reference_table('package_feature');
SELECT create_reference_table('package_base');
SELECT create_reference_table('package_price');
SELECT create_reference_table('"user"');
SELECT create_reference_table('mapping_rule');
SELECT create_reference_table('deleted_user');
SELECT create_reference_table('deleted_user_salt');
SELECT create_reference_table('feature_hour');
SELECT create_reference_table('usage_rollup');
SELECT create_reference_table('audit_entry');
SELECT create_reference_table('webhook');
SELECT create_reference_table('webhook_event');
SELECT create_reference_table('webhook_delivery');
SELECT create_reference_table('billing_template');
SELECT create_reference_table('stripe_connection');
SELECT create_reference_table('stripe_customer');
SELECT create_reference_table('stripe_event');
SELECT create_reference_table('stripe_price');
SELECT create_reference_table('seal');
SELECT create_reference_table('seal_amendment');

SELECT create_distributed_table('subscription', 'user_key');
SELECT create_distributed_table('feature_grant', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('top_up', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('top_up_draw', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_excess', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('reservation', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_hold', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_event', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_counter', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_alert', 'user_key', colocate_with => 'subscription');
SELECT create_distributed_table('usage_hour', 'user_key', colocate_with => 'subscription');

-- An event of Segment is stored before anybody knows whose it is.
SELECT create_distributed_table('segment_event', 'message_id', colocate_with => 'none');

COMMIT;
