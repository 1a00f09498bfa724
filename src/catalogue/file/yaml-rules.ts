import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  stringify,
  visit,
  type YAMLMap,
} from 'yaml';
import type { z } from 'zod';
import { Configuration, maxProblems, type Wishes } from './rules.ts';
import type { ConfigurationFile } from './writing-rules.ts';

// The configuration file as people read and write it: YAML.

/** Something that is wrong with a file, and where: lines and columns count from 1. */
export interface Problem {
  /** Null where it is about the file as a whole. */
  line: number | null;
  column: number | null;
  /** The path of the field, such as `features.0.type`; null where it is about no field. */
  field: string | null;
  message: string;
}

/**
 * The file as the original writes it, and its add-ons.
 *
 * @param now the time that the file names, as the original does; null leaves it out
 */
export function writeYaml(file: ConfigurationFile, now: Date | null): string {
  const { app, version, features, packages, addons } = file;
  const section = (title: string, content: object) => `# ${title}\n${stringify(content, { lineWidth: 0 })}`;
  return [
    `version: ${version}\n`,
    ...(now === null ? [] : [`# Updated: ${now}\n`]),
    `# PROJECT: ${app}\n`,
    section('FEATURES', { features }),
    section('PACKAGES', { packages }),
    section('ADD-ONS', { addons }),
  ].join('\n');
}

const tooDeep = 'is nested too deeply';
/** How the parser says that its stack ended. */
const overflow = /call stack/i;

/** Reads a file into wishes, or tells what is wrong with it, the first line first. */
export function readYaml(text: string): { wishes: Wishes } | { problems: Problem[] } {
  const lines = new LineCounter();
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return offset === undefined || line === 0 ? { line: null, column: null } : { line, column: col };
  };
  const document = parseText(text, lines);
  if (typeof document === 'string') return { problems: [wholeFile(document)] };
  if (document.errors.some(({ message }) => overflow.test(message)))
    return { problems: [wholeFile(tooDeep)] };
  const broken = document.errors.map(({ message, pos }) => ({ ...at(pos[0]), field: null, message }));
  const twins = keysTwice(document).map(({ key, offset }) => ({
    ...at(offset),
    field: null,
    message: `the key "${key}" is there twice`,
  }));
  const unreadable = [...broken, ...twins];
  if (unreadable.length > 0) return { problems: inOrder(unreadable) };
  const value = plainOf(document);
  if ('problem' in value) return { problems: [wholeFile(value.problem)] };
  const { data: wishes, error } = Configuration.safeParse(value.content);
  if (error === undefined) return { wishes };
  const problems = error.issues.map((issue) => ({
    ...at(offsetOf(document, issue)),
    field: issue.path.length === 0 ? null : issue.path.join('.'),
    message: issue.message,
  }));
  return { problems: inOrder(problems) };
}

/** A problem in one line, such as `line 3, features.0.type: must be CONSUMABLE or BINARY`. */
export function sentenceOf({ line, field, message }: Problem): string {
  const place = [...(line === null ? [] : [`line ${line}`]), ...(field === null ? [] : [field])].join(', ');
  return place === '' ? message : `${place}: ${message}`;
}

const wholeFile = (message: string): Problem => ({ line: null, column: null, field: null, message });

const inOrder = (problems: readonly Problem[]): Problem[] =>
  [...problems].sort((one, other) => (one.line ?? 0) - (other.line ?? 0)).slice(0, maxProblems);

/** The document; or why there is none. Which keys are there twice is looked up below, in less time. */
function parseText(text: string, lineCounter: LineCounter): Document.Parsed | string {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: 'error' });
  } catch (error) {
    if (error instanceof RangeError) return tooDeep;
    throw error;
  }
}

/** What the document says as plain values. Aliases that would blow it up are refused. */
function plainOf(document: Document.Parsed): { content: unknown } | { problem: string } {
  try {
    return { content: document.toJS() ?? {} };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError) return { problem: error.message };
    throw error;
  }
}

function keysTwice(document: Document.Parsed): { key: string; offset: number | undefined }[] {
  const found: { key: string; offset: number | undefined }[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = nameOf(key);
        if (seen.has(name)) found.push({ key: name, offset: (key as Node).range?.[0] });
        seen.add(name);
      }
    },
  });
  return found;
}

const nameOf = (key: unknown): string => (isScalar(key) ? String(key.value) : '');

const itemOf = (map: YAMLMap, name: string) => map.items.find(({ key }) => nameOf(key) === name);

/** Where the field stands that an issue is about; if it is missing, where it should be. */
function offsetOf(document: Document.Parsed, issue: z.core.$ZodIssue): number | undefined {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  let node: unknown = document.contents;
  let offset = path.length === 0 ? undefined : document.contents?.range?.[0];
  for (const step of path) {
    const container = isAlias(node) ? node.resolve(document) : node;
    if (isMap(container)) {
      const item = itemOf(container, String(step));
      if (item === undefined) break;
      offset = (item.key as Node).range?.[0] ?? offset;
      node = item.value;
    } else if (isSeq(container)) {
      node = container.items[Number(step)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
