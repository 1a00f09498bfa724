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
import { InexactNumber, readNumber } from '../../exact-json.ts';
import { DesiredCatalogue, maxProblems } from './rules.ts';
import type { CatalogueFile } from './writing-rules.ts';

// Catalogue files as YAML.

/** A problem in a file, with its position: lines and columns count from 1. */
export interface Problem {
  /** Null for a problem of the whole file. */
  line: number | null;
  column: number | null;
  /** The path of the field, such as `features.0.type`; null if there is none. */
  field: string | null;
  message: string;
}

/**
 * Writes the file in Kana's layout, with add-ons.
 *
 * @param now the time in the comment `Updated`; null omits it
 */
export function writeYaml(file: CatalogueFile, now: Date | null): string {
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
/** The parser's message for a stack overflow. */
const overflow = /call stack/i;

/** Parses a file. Returns the desired catalogue, or the problems in the order of lines. */
export function readYaml(text: string): { desired: DesiredCatalogue } | { problems: Problem[] } {
  const lines = new LineCounter();
  const positionAt = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return offset === undefined || line === 0 ? { line: null, column: null } : { line, column: col };
  };
  const document = parseText(text, lines);
  if (typeof document === 'string') return { problems: [wholeFile(document)] };
  if (document.errors.some(({ message }) => overflow.test(message)))
    return { problems: [wholeFile(tooDeep)] };
  const syntaxErrors = document.errors.map(({ message, pos }) => ({
    ...positionAt(pos[0]),
    field: null,
    message,
  }));
  const duplicates = duplicateKeys(document).map(({ key, offset }) => ({
    ...positionAt(offset),
    field: null,
    message: `the key "${key}" appears twice`,
  }));
  const unreadable = [...syntaxErrors, ...duplicates];
  if (unreadable.length > 0) return { problems: inOrder(unreadable) };
  const value = plainOf(document);
  if ('problem' in value) return { problems: [wholeFile(value.problem)] };
  const { data: desired, error } = DesiredCatalogue.safeParse(value.content);
  if (error === undefined) return { desired };
  const problems = error.issues.map((issue) => ({
    ...positionAt(offsetOf(document, issue)),
    field: issue.path.length === 0 ? null : issue.path.join('.'),
    message: issue.message,
  }));
  return { problems: inOrder(problems) };
}

/** A problem in one line, such as `line 3, features.0.type: must be CONSUMABLE or BINARY`. */
export function sentenceOf({ line, field, message }: Problem): string {
  const position = [...(line === null ? [] : [`line ${line}`]), ...(field === null ? [] : [field])].join(
    ', ',
  );
  return position === '' ? message : `${position}: ${message}`;
}

const wholeFile = (message: string): Problem => ({ line: null, column: null, field: null, message });

const inOrder = (problems: readonly Problem[]): Problem[] =>
  [...problems].sort((one, other) => (one.line ?? 0) - (other.line ?? 0)).slice(0, maxProblems);

/** Returns the document, or a problem as text. Duplicate keys are found below, because the parser is slow at it. */
function parseText(text: string, lineCounter: LineCounter): Document.Parsed | string {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: 'error' });
  } catch (error) {
    if (error instanceof RangeError) return tooDeep;
    throw error;
  }
}

/** The document as plain values. Refuses aliases that expand too much. */
function plainOf(document: Document.Parsed): { content: unknown } | { problem: string } {
  markInexact(document);
  try {
    return { content: document.toJS() ?? {} };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError) return { problem: error.message };
    throw error;
  }
}

/** Turns numbers that JSON does not hold exactly, infinity too, into InexactNumbers, as reading JSON does. */
function markInexact(document: Document.Parsed): void {
  visit(document, {
    Scalar(_, scalar) {
      const { value, source } = scalar;
      if (typeof value === 'number' && !isExact(value, source ?? '')) scalar.value = new InexactNumber(value);
    },
  });
}

function isExact(value: number, source: string): boolean {
  if (/^0[xo]/.test(source)) return Number.isSafeInteger(value);
  // YAML also has `+1`, `.5`, `1.` and zeros in front.
  const [, sign = '', whole = '', fraction = '0', exponent = ''] =
    /^([-+]?)0*(\d*)\.?(\d*)([eE][-+]?\d+)?$/.exec(source) ?? [];
  const written = readNumber(`${sign === '-' ? '-' : ''}${whole || '0'}.${fraction || '0'}${exponent}`);
  return Number.isFinite(value) && !(written instanceof InexactNumber);
}

function duplicateKeys(document: Document.Parsed): { key: string; offset: number | undefined }[] {
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

/** The position of the field of an issue; if the field is missing, the position of its parent. */
function offsetOf(document: Document.Parsed, issue: z.core.$ZodIssue): number | undefined {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  let node: unknown = document.contents;
  let offset = path.length === 0 ? undefined : document.contents?.range?.[0];
  for (const segment of path) {
    const container = isAlias(node) ? node.resolve(document) : node;
    if (isMap(container)) {
      const item = itemOf(container, String(segment));
      if (item === undefined) break;
      offset = (item.key as Node).range?.[0] ?? offset;
      node = item.value;
    } else if (isSeq(container)) {
      node = container.items[Number(segment)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
