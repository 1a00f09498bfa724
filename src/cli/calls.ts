import { basename } from 'node:path';

/** How people call a command: by npm in the source tree, or by the program of the package. */
export const calledAs = (name: string): string =>
  /^open-kana(\.js)?$/.test(basename(process.argv[1] ?? '')) ? `npx open-kana ${name}` : `npm run ${name} --`;
