import type { ReactNode } from 'react';

/** Names with their values, in two columns. */
export const Facts = ({ facts }: { facts: readonly [name: ReactNode, value: ReactNode][] }) => (
  <dl className="fact-list">
    {facts.map(([name, value], index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: they never change places
      <div key={index}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);
