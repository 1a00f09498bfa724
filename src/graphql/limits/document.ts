import { type DocumentNode, Lexer, type ParseOptions, parse, Source, syntaxError, TokenKind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { withMeantFields } from '../meant-fields.ts';

/** The limits of an operation's text. */
interface TextLimits {
  maxTokens: number;
  /** Nested brackets. Parsing is recursive, and the stack is limited. */
  maxDepth: number;
  /** An error reports its line, for which all lines before it are counted. */
  maxLines: number;
}

/** Enough for a literal list of 1,000 usages. */
export const callerText: TextLimits = { maxTokens: 50_000, maxDepth: 200, maxLines: 20_000 };

/** Enough for the introspection queries of tools, which have some 300 tokens. */
export const strangerText: TextLimits = { maxTokens: 1_000, maxDepth: 50, maxLines: 1_000 };

const opening = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/**
 * Parses an operation. Throws a syntax error if it is so long or so deep that parsing would block the server.
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

/** Parses within the limits for authenticated callers. */
export function useBoundedParsing(): Plugin {
  return {
    onParse: ({ setParseFn }) =>
      setParseFn((text: string | Source, options?: ParseOptions) =>
        withMeantFields(parseWithin(callerText, text, options)),
      ),
  };
}

/** Invalid operations are not cached. */
export const noErrorCache = { get: () => undefined, set: () => undefined };
