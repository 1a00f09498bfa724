import { builder } from '../graphql/builder.ts';
import { displayAmount } from './rules.ts';

export const PackagePrice = builder.prismaObject('PackagePrice', {
  description: 'The price of a package at a billing provider.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id of the price at the billing provider.' }),
    provider: t.exposeString('provider', { description: 'The billing provider, such as "STRIPE".' }),
    amount: t.exposeInt('amount', { description: 'In minor units: 5000 is 50.00 pounds.' }),
    displayAmount: t.string({
      description: 'The amount in major units, such as "50.00".',
      resolve: ({ amount, currency }) => displayAmount(amount, currency),
    }),
    currency: t.exposeString('currency', { description: 'The ISO 4217 code in lower case, such as "gbp".' }),
    interval: t.exposeString('interval', {
      nullable: true,
      description: 'The billing interval, such as "month". Null for a one-time price.',
    }),
  }),
});
