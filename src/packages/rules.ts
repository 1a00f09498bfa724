import { z } from 'zod';

const statuses = ['ARCHIVED', 'DRAFT', 'PUBLISHED', 'ALL'] as const;

/** The filter of a list of packages: the name of a status, PUBLISHED when it is left out, ALL for every one. */
export const StatusFilter = z
  .enum(statuses, `must be one of ${statuses.join(', ')}`)
  .nullish()
  .transform((status) => status ?? 'PUBLISHED');

/**
 * The currencies whose minor unit is not a hundredth, by ISO 4217. The locale data of the runtime is no
 * source for it: that follows the habits of cash (no decimals for HUF or PKR) and changes with the runtime.
 */
const decimalsOfCurrency = new Map<string, number>([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
    .split(' ')
    .map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
  ...'CLF UYW'.split(' ').map((code) => [code, 4] as const),
]);

/**
 * An amount of minor units as people write it in major ones: 5000 of GBP is "50.00", 5000 of JPY is "5000".
 *
 * @param amount minor units of the currency
 * @param currency its ISO 4217 code, in any case
 */
export function displayAmount(amount: number, currency: string): string {
  const decimals = decimalsOfCurrency.get(currency.toUpperCase()) ?? 2;
  return (amount / 10 ** decimals).toFixed(decimals);
}
