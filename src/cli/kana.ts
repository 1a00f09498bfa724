#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs, styleText } from 'node:util';
import type { CatalogueFile } from '../catalogue/file/writing-rules.ts';
import { StartupError } from '../errors.ts';
import { exampleFile } from './kana/example.ts';
import { paths, readKanaFile, writeKanaFile } from './kana/file.ts';
import { consentTo, isError, isWarning, type PublishOptions, problemOf } from './kana/rules.ts';
import { callServer, readServer, type Server } from './kana/server.ts';

const usage = `Usage: kana <command> [options]

Commands:
  kana pull       write the catalogue of the server to the file
  kana validate   show the effect of publishing the file; exit code 1 if a change is not possible
  kana publish    apply the file to the catalogue
  kana bootstrap  write an example file, ${paths.example}

Options:
  --live       the live environment and ${paths.live}, instead of test and ${paths.test}
  -f, --force  publish the possible changes although there are errors
  -y, --yes    publish without asking
  -h, --help   show this

Environment, or .env:
  KANA_DEV_KEY, KANA_LIVE_KEY  the private keys, for test and for --live
  KANA_URL                     the address of the server (default http://127.0.0.1:4000)
  KANA_DEV_URL                 instead of KANA_URL: the address with /cli at the end, also for --live`;

interface Options extends PublishOptions {
  live: boolean;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const commands = {
  async pull({ live }: Options): Promise<void> {
    const file = await callServer<CatalogueFile>(readServer(process.env, live), 'pull');
    const path = pathOf(live);
    const isWritten = await writeKanaFile(path, file, new Date());
    print(isWritten ? `Wrote ${path}.` : `${path} is up to date.`);
  },

  async validate({ live }: Options): Promise<void> {
    const server = readServer(process.env, live);
    const lines = await validate(server, await readKanaFile(pathOf(live)));
    if (lines.some(isError)) process.exitCode = 1;
  },

  async publish({ live, ...options }: Options): Promise<void> {
    const server = readServer(process.env, live);
    const path = pathOf(live);
    const file = await readKanaFile(path);
    const lines = await validate(server, file);
    if (lines.length === 0) return;

    const consent = consentTo(lines, options, process.stdin.isTTY && process.stdout.isTTY);
    if (consent && 'refusal' in consent) throw new StartupError(consent.refusal);
    if (consent && !(await confirm(consent.question))) return print('Nothing was published.');

    const { data: done, ...published } = await callServer<CatalogueFile & { data: string[] }>(
      server,
      'publish',
      file,
    );
    // Usually equal to the lines above, unless the catalogue changed meanwhile.
    if (done.join() !== lines.join()) done.forEach(printLine);
    const refused = done.filter(isError).length;
    if (refused > 0) {
      // What was not published stands only in this file: it is not replaced by what the server has.
      print(
        `${path} is unchanged: ${refused === 1 ? '1 error is' : `${refused} errors are`} left to correct in it.`,
      );
      process.exitCode = 1;
      return;
    }
    print('Kana config successfully updated!');
    await writeKanaFile(path, published, new Date());
  },

  async bootstrap(): Promise<void> {
    await writeKanaFile(paths.example, exampleFile, new Date());
    print(
      `Wrote ${paths.example}. Once you are happy with it, copy it to ${paths.test} and run kana publish.`,
    );
  },
};

const pathOf = (isLive: boolean) => (isLive ? paths.live : paths.test);

/** Prints the effect of publishing the file. @throws StartupError if the file is invalid */
async function validate(server: Server, file: unknown): Promise<string[]> {
  const problem = problemOf(file);
  if (problem !== null) throw new StartupError(problem);
  const { data: lines } = await callServer<{ data: string[] }>(server, 'validate', file);
  lines.forEach(printLine);
  if (lines.length === 0) print('The local config file is up to date.');
  return lines;
}

/** Prints a line, in colour on a terminal. */
function printLine(line: string): void {
  const colour = isError(line) ? 'red' : isWarning(line) ? 'yellow' : null;
  const coloured = colour !== null && process.stdout.isTTY && !process.env.NO_COLOR;
  print(coloured ? styleText(colour, line) : line);
}

/** Asks on the terminal. Closing it means no. */
function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((decide) => {
    terminal.once('close', () => decide(false));
    terminal.question(`${question} (y/N) `, (answer) => {
      decide(/^y(es)?$/i.test(answer.trim()));
      terminal.close();
    });
  });
}

async function main(): Promise<void> {
  const { command, options } = readArguments();
  if (command === 'help') return print(usage);
  if (existsSync('.env')) process.loadEnvFile('.env');
  await commands[command](options);
}

function readArguments(): { command: keyof typeof commands | 'help'; options: Options } {
  const { values, positionals } = parse();
  const [command, ...more] = positionals;
  if (values.help) return { command: 'help', options: values };
  if (command === undefined || !Object.hasOwn(commands, command) || more.length > 0)
    throw new StartupError(usage);
  return { command: command as keyof typeof commands, options: values };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        live: { type: 'boolean', default: false },
        force: { type: 'boolean', short: 'f', default: false },
        yes: { type: 'boolean', short: 'y', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new StartupError(`${(error as Error).message}\n\n${usage}`);
  }
}

try {
  await main();
} catch (error) {
  const text = error instanceof StartupError ? error.message : String((error as Error).stack ?? error);
  process.stderr.write(text === usage ? `${usage}\n` : `[ERROR]: ${text}\n`);
  process.exitCode = 1;
}
