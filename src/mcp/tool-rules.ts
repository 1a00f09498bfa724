import { createHash } from 'node:crypto';
import { z } from 'zod';

// biome-ignore lint/suspicious/noExplicitAny: the data of an operation has the shape that its text asks for
export type Data = any;

export type Arguments = Record<string, unknown>;

interface Described {
  /** Lower case, with underscores. */
  name: string;
  title: string;
  /** What it does, for a model that chooses between tools. */
  description: string;
  input: z.ZodObject;
}

/** A GraphQL operation that a tool sends. */
interface Operation<Given extends unknown[] = [Arguments]> {
  document: string;
  /** By default the arguments as they are. */
  variables?(...given: Given): Arguments;
}

/** A tool that only reads. */
export interface ReadTool extends Described, Operation {
  /** Makes the answer of the operation's data; by default all of it. */
  answer?(data: Data, args: Arguments): object;
}

/** What applying would do, as far as it can be told before. */
export interface Plan {
  /** The changes, as sentences. */
  changes: string[];
  /** What is worth a second look, as sentences. */
  warnings?: string[];
  /** What the change concerns, as it is now. */
  before?: unknown;
  /** The state that must not change between preview and applying. By default `before`. */
  basis?: unknown;
}

/** A tool that changes something: first a preview, then, with the fingerprint of the preview, the change. */
export interface WriteTool extends Described {
  /** Whether it ends or deletes something. */
  isDestructive?: true;
  preview: Omit<Operation, 'document'> & {
    /** A text, or what makes it of the arguments. */
    document: string | ((args: Arguments) => string);
    plan(data: Data, args: Arguments): Plan;
  };
  apply: Operation<[args: Arguments, applied: Applied]> & { answer?(data: Data): object };
}

/** What else the operation that applies may need. */
export interface Applied {
  /** The same for each repetition with one fingerprint. */
  idempotencyKey: string;
  /** The data of the preview. */
  previewed: Data;
}

/** A tool that reads the documentation. */
export interface PageTool extends Described {
  answer(pages: ReadonlyMap<string, string>, args: Arguments): object;
}

export type Tool = ReadTool | WriteTool | PageTool;

export const isPageTool = (tool: Tool): tool is PageTool => !('document' in tool) && !('apply' in tool);

export const isWriteTool = (tool: Tool): tool is WriteTool => 'apply' in tool;

const Fingerprint = z
  .string()
  .max(200)
  .optional()
  .describe(
    'Without it: a preview, nothing changes. To apply, the fingerprint of that preview, with the same arguments.',
  );

/** The arguments that a tool takes. */
export const inputOf = (tool: Tool): z.ZodObject =>
  isWriteTool(tool) ? tool.input.extend({ fingerprint: Fingerprint }) : tool.input;

/** Describes a tool as MCP does. */
export function describeTool(tool: Tool) {
  const { $schema: _dialect, ...inputSchema } = z.toJSONSchema(inputOf(tool), { io: 'input' });
  const writes = isWriteTool(tool);
  return {
    name: tool.name,
    title: tool.title,
    description: writes ? `${tool.description} ${howToApply}` : tool.description,
    inputSchema: inputSchema as { type: 'object' },
    annotations: {
      title: tool.title,
      readOnlyHint: !writes,
      ...(writes ? { destructiveHint: tool.isDestructive === true, idempotentHint: true } : {}),
      openWorldHint: false,
    },
  };
}

const howToApply = 'Call it without `fingerprint` for a preview, then again with the fingerprint to apply.';

/** What a fingerprint stands for. */
interface Previewed {
  environmentId: string;
  tool: string;
  args: Arguments;
  plan: Plan;
}

/**
 * The fingerprint of a preview: equal for the same tool, arguments, environment and state, and different for each preview,
 * so that a change that is applied twice can be told from two equal changes.
 *
 * @param nonce random; it becomes part of the fingerprint
 */
export function fingerprintOf({ environmentId, tool, args, plan }: Previewed, nonce: string): string {
  const { before = null, basis = before } = plan;
  const covered = JSON.stringify([nonce, environmentId, tool, sorted(args), basis]);
  return `${nonce}.${createHash('sha256').update(covered).digest('base64url')}`;
}

/** The random part of a fingerprint. */
export const nonceOf = (fingerprint: string): string => fingerprint.split('.', 1)[0] ?? '';

/** A key for operations that may be repeated. */
export const idempotencyKeyOf = (fingerprint: string): string => `mcp ${fingerprint}`;

/** The same value, with the fields of objects in alphabetical order: the order of arguments means nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]),
  );
}
