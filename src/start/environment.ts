/*
 * Environment variables that libraries read when they are imported. Imported before anything else.
 */

// GraphQL's checks for developers cost a third of the time of a large answer.
process.env.NODE_ENV ||= 'production';

// The driver would need a native module that is not installed.
delete process.env.NODE_PG_FORCE_NATIVE;
