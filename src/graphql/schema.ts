import '../audit/graphql.ts';
import '../auth/keys-graphql.ts';
import '../client/token-graphql.ts';
import '../configuration/graphql.ts';
import '../entitlements/graphql.ts';
import '../features/graphql.ts';
import '../merging/graphql.ts';
import '../merging/preview-graphql.ts';
import '../packages/graphql.ts';
import '../packages/mutations-graphql.ts';
import '../segment/graphql.ts';
import '../segment/preview-graphql.ts';
import '../segment/rules-graphql.ts';
import '../segment/status-graphql.ts';
import '../subscriptions/graphql.ts';
import '../transfer/graphql.ts';
import '../usage/graphql.ts';
import '../usage/history-graphql.ts';
import '../usage/series-graphql.ts';
import '../users/flags-graphql.ts';
import '../users/graphql.ts';
import { withCountedAnswers } from './answer-size.ts';
import { builder } from './builder.ts';

/** The admin API: each import above adds its concept. */
export const schema = withCountedAnswers(builder.toSchema());
