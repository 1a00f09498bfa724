interface Price {
  displayAmount: string;
  currency: string;
  interval: string | null;
}

/** `29.00 USD a month`. */
export const formatPrice = ({ displayAmount, currency, interval }: Price): string =>
  `${displayAmount} ${currency.toUpperCase()}${interval === null ? ' once' : ` a ${interval}`}`;
