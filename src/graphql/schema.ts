import '../allowances/grants/graphql.ts';
import '../audit/graphql.ts';
import '../auth/keys/graphql.ts';
import '../client/token-graphql.ts';
import '../catalogue/graphql.ts';
import '../entitlements/graphql.ts';
import '../features/graphql.ts';
import '../users/merge/graphql.ts';
import '../users/merge/preview-graphql.ts';
import '../packages/graphql.ts';
import '../packages/mutations-graphql.ts';
import '../packages/versions-graphql.ts';
import '../segment/events/graphql.ts';
import '../segment/mapping/preview-graphql.ts';
import '../segment/mapping/graphql.ts';
import '../segment/status-graphql.ts';
import '../subscriptions/graphql.ts';
import '../users/import/graphql.ts';
import '../usage/record/graphql.ts';
import '../usage/history-graphql.ts';
import '../usage/rollup/series-graphql.ts';
import '../users/flags-graphql.ts';
import '../users/graphql.ts';
import { builder } from './builder.ts';
import { withCountedAnswers } from './limits/answer-size.ts';

/** The schema of the admin API. Each import above adds a concept. */
export const schema = withCountedAnswers(builder.toSchema());
