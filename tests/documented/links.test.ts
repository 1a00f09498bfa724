import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

// Every relative link of a page leads to a file of the repository, and to a heading where it names one.

const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path && existsSync(path));

/** Fenced blocks hold examples: neither links nor headings. */
const textOf = (path: string): string => readFileSync(path, 'utf8').replace(/^```.*?^```/gms, '');

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function headingsOf(path: string): Set<string> {
  return new Set([...textOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

function isBroken(page: string, link: string): boolean {
  const [target = '', anchor] = link.split('#');
  const path = target ? join(dirname(page), target) : page;
  return !existsSync(path) || (anchor !== undefined && !headingsOf(path).has(anchor));
}

test('there are pages to check', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md']));
});

test.each(pages)('every link of %s leads somewhere', (page) => {
  const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !/^[a-z]+:/.test(link) && isBroken(page, link))).toEqual([]);
});
