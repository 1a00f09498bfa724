import {
  createMcpHandler,
  isLegacyRequest,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { version } from '../installation.ts';
import { type Caller, callTool, type Failure } from './call.ts';
import { descriptions, instructions, tools } from './tools-rules.ts';

/* Imports the library of the protocol, which takes a tenth of a second. So this file is imported with the first request. */

export interface Serving extends Caller {
  /** Logs an unexpected error, and returns what the caller may see of it. */
  report(error: unknown): Failure;
}

/** Answers one request, in the version of the protocol that the client speaks, as JSON: nothing is streamed. */
export async function answerMcp(request: Request, parsedBody: unknown, serving: Serving): Promise<Response> {
  const server = createServer(serving);
  if (!(await isLegacyRequest(request, parsedBody)))
    return createMcpHandler(() => server, { legacy: 'reject' }).fetch(request, { parsedBody });
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request, { parsedBody }).finally(() => server.close());
}

function createServer(serving: Serving): Server {
  const server = new Server(
    { name: 'open-kana', title: 'Open Kana', version },
    { capabilities: { tools: {} }, instructions },
  );
  server.setRequestHandler('tools/list', () => ({ tools: descriptions }));
  server.setRequestHandler('tools/call', async ({ params: { name, arguments: given } }) => {
    const tool = tools.get(name);
    if (tool === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${name}".`);
    const result = await callTool(tool, given, serving).catch((error) => ({
      failure: serving.report(error),
    }));
    return 'failure' in result
      ? { ...contentOf({ error: result.failure }), isError: true }
      : contentOf(result.answer);
  });
  return server;
}

/** As structured content, and as text for clients that read only that. */
const contentOf = (answer: object) => ({
  content: [{ type: 'text' as const, text: JSON.stringify(answer) }],
  structuredContent: { ...answer },
});
