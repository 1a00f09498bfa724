import { buildSync } from 'esbuild';

export type Sdk = typeof import('@usekana/client-kana-js');

/** A page in which the published browser client is loaded. */
export interface Page {
  /**
   * Runs a script in the page. It sees the client, its argument, and what is global there, and nothing of the
   * file it stands in. Its result comes back as JSON, an Error in it as name and message.
   */
  run<Argument, Result>(
    script: (sdk: Sdk, argument: Argument) => Promise<Result>,
    argument: Argument,
  ): Promise<Result>;
}

export interface Browser {
  /** Two origins of which it has pages. Neither is the server's. */
  origins: readonly [string, string];
  open(origin: string): Promise<Page>;
  /** Closes all pages too. */
  close(): Promise<void>;
}

/** The script as text that any page can evaluate. */
export function expressionOf(script: object, argument: unknown): string {
  return `(${script})(globalThis.KanaSdk, ${JSON.stringify(argument)}).then((value) =>
    JSON.stringify({ value }, (_key, each) =>
      each instanceof Error ? { name: each.name, message: each.message } : each))`;
}

/** What the script of this expression answered. */
export const resultOf = (json: unknown) => JSON.parse(String(json)).value;

/**
 * The published browser client as a script for a page. It counts on a bundler, as its users have one, which
 * says what `process.env.NODE_ENV` is.
 */
export function bundleSdk(): string {
  const { outputFiles } = buildSync({
    entryPoints: ['@usekana/client-kana-js'],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'KanaSdk',
    write: false,
  });
  return outputFiles.map(({ text }) => text).join('');
}
