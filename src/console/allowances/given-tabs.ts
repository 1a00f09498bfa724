const tabs = ['grants', 'top-ups', 'reservations'] as const;

/** The lists of what a user was given. */
export type GivenTab = (typeof tabs)[number];

export const isGivenTab = (value: string | null): value is GivenTab => tabs.some((tab) => tab === value);

/** How many items a list shows at once. */
export const givenPageSize = 10;
