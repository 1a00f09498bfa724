import './graphql.ts';
import { builder } from './builder.ts';

/** The client API. */
export const clientSchema = builder.toSchema();
