import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef } from 'react';
import { createFormat, english, type Format, type Labels } from '../core/format.ts';
import { createKana, type Kana, type KanaOptions } from '../core/kana.ts';

interface Shared {
  kana: Kana;
  labels: Labels;
  format: Format;
}

const Context = createContext<Shared | null>(null);

export interface KanaProviderProps extends KanaOptions {
  /** Made with `createKana`. All other options are ignored then. */
  kana?: Kana;
  /** The language of numbers, dates and money, such as "de". By default "en", on servers and in browsers. */
  locale?: string;
  /** Words for the components, in the place of the English ones. */
  labels?: Partial<Labels>;
  children?: ReactNode;
}

/** Gives a user's entitlements to everything below it. They are read once for all, while something uses them. */
export function KanaProvider({
  kana: given,
  locale = 'en',
  labels,
  children,
  ...options
}: KanaProviderProps) {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const identity = identityOf(options);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the identity stands for the options
  const kana = useMemo(() => given ?? createKana(lasting(options, latest)), [given, identity]);
  const shared = useMemo(
    () => ({ kana, labels: { ...english, ...labels }, format: createFormat(locale) }),
    [kana, labels, locale],
  );
  return <Context.Provider value={shared}>{children}</Context.Provider>;
}

/** What decides whose data are read. With another one, everything is read anew. */
const identityOf = ({ endpoint, userToken, publicKey, userId }: KanaOptions) =>
  JSON.stringify([endpoint, typeof userToken === 'string' ? userToken : null, publicKey, userId]);

/** The options. Functions may be others with each rendering: the latest are called. */
function lasting(options: KanaOptions, latest: { readonly current: KanaOptions }): KanaOptions {
  const token = () => {
    const { userToken = '' } = latest.current;
    return typeof userToken === 'string' ? userToken : userToken();
  };
  return {
    ...options,
    ...(typeof options.userToken === 'function' ? { userToken: token } : {}),
    onError: (error) => latest.current.onError?.(error),
  };
}

export function useShared(): Shared {
  const shared = useContext(Context);
  if (shared === null) throw new Error('Put a <KanaProvider> around what uses Open Kana.');
  return shared;
}
