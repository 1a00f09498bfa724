/*
 * The driver reads this variable when it is imported, and would then need a native module that is not installed.
 * Imported before anything else.
 */
delete process.env.NODE_PG_FORCE_NATIVE;
