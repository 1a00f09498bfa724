/*
 * Amounts in SQL. They are numeric, and exact.
 */

/** The delta of a usage or an event `e`. Rows of earlier versions have it in another column. */
export const deltaSql = (event: string) => `coalesce(${event}.delta, ${event}.whole_delta)`;

/**
 * The rule of src/amount.ts (fits) for a numeric without trailing zeros: whether a feature of this precision can have
 * this amount. The largest amount of every precision is compared first, so that nearly no amount costs a power.
 */
export const fitsSql = (amount: string, precision: string) =>
  `(scale(${amount}) <= ${precision} and (abs(${amount}) <= 1e9 or abs(${amount}) <= 10::numeric ^ (15 - ${precision})))`;

/** The amount of so many millionths, which is what an Amount counts: without trailing zeros, as amountText writes it. */
export const amountSql = (millionths: string) => `trim_scale(${millionths} * 0.000001)`;
