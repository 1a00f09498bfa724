import './catalogue-graphql.ts';
import './graphql.ts';
import './usage-graphql.ts';
import { withCountedAnswers } from '../graphql/limits/answer-size.ts';
import { builder } from './builder.ts';

/** The client API. */
export const clientSchema = withCountedAnswers(builder.toSchema());
