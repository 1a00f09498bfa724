import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory of this package. This file is in `src`, in `dist`, or a part of a bundle in `dist/bundle`. */
export const packageDirectory: string = findPackage(dirname(fileURLToPath(import.meta.url)));

function findPackage(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : findPackage(dirname(directory));
}

const manifest = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'));

export const version: string = manifest.version;
