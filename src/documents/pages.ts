import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageDirectory } from '../installation.ts';

/* What describes Open Kana, as it is packaged: llms.txt, the schemas and docs/. */

/** Beside docs/. */
const others = ['llms.txt', 'CHANGELOG.md', 'schema.graphql', 'schema.client.graphql'];

let loading: Promise<ReadonlyMap<string, string>> | null = null;

/**
 * Returns the texts, by their paths in the package, such as `docs/guides/mcp.md`. They are read once, when they are first
 * asked for, and are some 300 kB together.
 */
export function loadPages(): Promise<ReadonlyMap<string, string>> {
  loading ??= readPages().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function readPages(): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(join(packageDirectory, 'docs'), { recursive: true });
  const docs = names
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.(md|json)$/.test(name));
  const read = async (path: string) => [path, await readFile(join(packageDirectory, path), 'utf8')] as const;
  return new Map(await Promise.all([...others, ...docs.sort()].map(read)));
}
