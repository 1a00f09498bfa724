import { randomBytes } from 'node:crypto';
import { loadPages } from '../documents/pages.ts';
import { DomainError, previewChanged } from '../errors.ts';
import { parse } from '../input.ts';
import {
  type Arguments,
  type Data,
  fingerprintOf,
  idempotencyKeyOf,
  inputOf,
  isPageTool,
  isWriteTool,
  nonceOf,
  type Plan,
  type Tool,
  type WriteTool,
} from './tool-rules.ts';

/** Why an operation failed, as the other APIs tell it. */
export interface Failure {
  code: string;
  name?: string | undefined;
  message: string;
}

export interface Caller {
  environmentId: string;
  /** Sends an operation. */
  ask(document: string, variables: Arguments): Promise<{ data: Data } | { failure: Failure }>;
}

/** Calls a tool. A failure of an operation, or a mistake of the caller, is an answer too. */
export async function callTool(
  tool: Tool,
  given: unknown,
  caller: Caller,
): Promise<{ answer: object } | { failure: Failure }> {
  try {
    const { fingerprint, ...args } = parse(inputOf(tool), given ?? {}, 'arguments') as Arguments;
    if (isPageTool(tool)) return { answer: tool.answer(await loadPages(), args) };
    const ask = asking(caller);
    if (isWriteTool(tool)) return { answer: await write(tool, args, fingerprint as string, caller, ask) };
    const { document, variables = same, answer = same } = tool;
    return { answer: answer(await ask(document, variables(args)), args) };
  } catch (error) {
    if (error instanceof Failed) return { failure: error.failure };
    if (!(error instanceof DomainError)) throw error;
    const { code, typedName: name, message } = error;
    return { failure: { code, name, message } };
  }
}

class Failed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

type Ask = (document: string, variables: Arguments) => Promise<Data>;

function asking({ ask }: Caller): Ask {
  return async (document, variables) => {
    const result = await ask(document, variables);
    if ('failure' in result) throw new Failed(result.failure);
    return result.data;
  };
}

const same = <Value>(value: Value): Value => value;

/** Previews a change, or applies it if the fingerprint is that of the preview of what would change now. */
async function write(
  { name, preview, apply }: WriteTool,
  args: Arguments,
  fingerprint: string | undefined,
  { environmentId }: Caller,
  ask: Ask,
): Promise<object> {
  const text = typeof preview.document === 'string' ? preview.document : preview.document(args);
  const previewed = await ask(text, (preview.variables ?? same)(args));
  const plan = preview.plan(previewed, args);
  const sign = (nonce: string) => fingerprintOf({ environmentId, tool: name, args, plan }, nonce);
  if (fingerprint === undefined) return told(name, plan, sign(randomBytes(12).toString('base64url')));
  if (fingerprint !== sign(nonceOf(fingerprint))) throw previewChanged();
  const applied = { idempotencyKey: idempotencyKeyOf(fingerprint), previewed };
  const { document, variables = same, answer = same } = apply;
  const changed: object = answer(await ask(document, variables(args, applied)));
  return { applied: true, ...changed };
}

const told = (name: string, { changes, warnings = [], before }: Plan, fingerprint: string) => ({
  applied: false,
  changes,
  warnings,
  before,
  fingerprint,
  next: `Nothing has changed yet. To apply, call ${name} with the same arguments and this fingerprint.`,
});
