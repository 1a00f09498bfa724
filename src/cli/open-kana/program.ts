import { parseArgs } from 'node:util';
import { loadEnvFile } from '../../config/config.ts';
import { StartupError } from '../../errors.ts';
import { version } from '../../installation.ts';
import { runCommand } from '../command.ts';

const usage = `Usage: open-kana [options]            start the server
       open-kana <command> [options]  do something with its database, while it runs or not

Options:
  --port PORT    where it listens; 0 is any free port (default 4000)
  --host HOST    127.0.0.1 is this machine alone, 0.0.0.0 every network (default 127.0.0.1)
  --data DIR     where the embedded database keeps its files (default ~/.open-kana)
  -v, --version  show the version
  -h, --help     show this

Commands, each with --data DIR too:
  keys     list, create and revoke API keys
  verify   compare counters, usage over time and seals with the ledger
  backup   write everything to a file
  restore  load such a file into an empty database
  move     copy everything to another, empty database

Environment variables, also from a file .env here, set everything else, such as DATABASE_URL for a PostgreSQL of your own:
https://github.com/open-kana/open-kana/blob/main/.env.example`;

/** Each is a program of its own, which reads the words after its name. */
const commands: Record<string, () => Promise<unknown>> = {
  keys: () => import('../keys.ts'),
  verify: () => import('../verify.ts'),
  backup: () => import('../backup.ts'),
  restore: () => import('../restore.ts'),
  move: () => import('../move.ts'),
  'repair:timestamps': () => import('../repair-timestamps.ts'),
};

const options = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

function readOptions(args: string[]) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new StartupError(
      `${(error as Error).message.split('. ')[0]}. open-kana --help shows what there is.`,
    );
  }
}

/** Takes `--data DIR` or `--data=DIR` out of the words. */
function takeData(words: string[]): string | undefined {
  const index = words.findIndex((word) => word === '--data' || word.startsWith('--data='));
  if (index === -1) return undefined;
  const [word = ''] = words.splice(index, 1);
  return word === '--data' ? words.splice(index, 1)[0] : word.slice('--data='.length);
}

function set(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) process.env[name] = value;
}

/** Started by anybody, anywhere: the files are not in the directory that happens to be the current one. */
function setDataDirectory(data: string | undefined): void {
  loadEnvFile();
  set({ DATA_DIR: data ?? (process.env.DATA_DIR?.trim() || '~/.open-kana') });
}

await runCommand(async () => {
  const [name = '', ...rest] = process.argv.slice(2);
  const command = commands[name];
  if (command !== undefined) {
    setDataDirectory(takeData(rest));
    process.argv.splice(2, process.argv.length, ...rest);
    await command();
    return;
  }
  const { port, host, data, ...asked } = readOptions(process.argv.slice(2));
  if (asked.version || asked.help) {
    process.stdout.write(`${asked.version ? version : usage}\n`);
    return;
  }
  set({ PORT: port, HOST: host });
  setDataDirectory(data);
  await import('../../main.ts');
});
