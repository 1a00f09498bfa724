// Takes the pictures that tests/console/walk.e2e.ts has left into docs/pictures: the light ones, and the dark ones of
// those that README.md shows.
import { copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';

const maxBytes = 200 * 1024;
const dark = ['user'];

mkdirSync('docs/pictures', { recursive: true });
for (const file of readdirSync('screenshots')) {
  const [, name, theme] = /^docs-(.+)-(light|dark)\.png$/.exec(file) ?? [];
  if (name === undefined || (theme === 'dark' && !dark.includes(name))) continue;
  if (statSync(`screenshots/${file}`).size > maxBytes)
    throw new Error(`${file} is larger than ${maxBytes} bytes`);
  copyFileSync(`screenshots/${file}`, `docs/pictures/${name}${theme === 'dark' ? '-dark' : ''}.png`);
}
