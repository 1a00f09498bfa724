import { type DocumentNode, Lexer, type ParseOptions, parse, Source, syntaxError, TokenKind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { withMeantFields } from '../meant-fields.ts';

/** What the text of an operation may hold. */
interface TextLimits {
  maxTokens: number;
  /** Brackets within brackets: parsing goes as deep as the text does, on a stack that ends. */
  maxDepth: number;
  /** An error tells its line, for which all before it are counted. */
  maxLines: number;
}

/** Enough for a list of 1,000 usages written out in the operation. */
export const callerText: TextLimits = { maxTokens: 50_000, maxDepth: 200, maxLines: 20_000 };

/** Enough for introspection as tools write it, which takes some 300 tokens. */
export const strangerText: TextLimits = { maxTokens: 1_000, maxDepth: 50, maxLines: 1_000 };

const opening = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/**
 * Parses an operation unless it is so long or so deep that it would hold up the server. Refusals are syntax errors.
 */
export function parseWithin(
  { maxTokens, maxDepth, maxLines }: TextLimits,
  text: string | Source,
  options?: ParseOptions,
): DocumentNode {
  const source = typeof text === 'string' ? new Source(text) : text;
  const lexer = new Lexer(source);
  let depth = 0;
  let token = lexer.advance();
  for (let count = 1; token.kind !== TokenKind.EOF; count += 1, token = lexer.advance()) {
    if (opening.has(token.kind)) depth += 1;
    if (closing.has(token.kind)) depth -= 1;
    if (depth > maxDepth) throw syntaxError(source, token.start, `More than ${maxDepth} levels deep.`);
    if (count > maxTokens) throw syntaxError(source, token.start, `More than ${maxTokens} tokens.`);
    if (token.line > maxLines) throw syntaxError(source, token.start, `More than ${maxLines} lines.`);
  }
  return parse(source, options);
}

/** Parses within the limits for callers whose credentials are valid. */
export function useBoundedParsing(): Plugin {
  return {
    onParse: ({ setParseFn }) =>
      setParseFn((text: string | Source, options?: ParseOptions) =>
        withMeantFields(parseWithin(callerText, text, options)),
      ),
  };
}

/** How many characters of operations are remembered at most. Parsed, each takes some 250 bytes. */
const defaultMaxRemembered = 256 * 1024;

/**
 * Remembers parsed operations, since clients send the same few again and again. It forgets all of them when
 * it is full, so that nobody can fill the memory with operations that differ.
 */
export function createDocumentCache(maxRemembered = defaultMaxRemembered) {
  const documents = new Map<string, DocumentNode>();
  let remembered = 0;
  return {
    get: (text: string) => documents.get(text),
    set(text: string, document: DocumentNode) {
      if (text.length > maxRemembered) return;
      if (remembered + text.length > maxRemembered) {
        documents.clear();
        remembered = 0;
      }
      documents.set(text, document);
      remembered += text.length;
    },
  };
}

/** Operations that cannot be parsed are not worth remembering. */
export const noErrorCache = { get: () => undefined, set: () => undefined };
