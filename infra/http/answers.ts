import type { ServerResponse } from 'node:http';
import type { CommandResult } from '@daybook/kernel/ports/outside.ts';
import { problemDocument, problemType, rejectionProblem } from './problems.ts';

/** An answer as it goes over the wire, so that a repeat can give it again byte for byte. */
export type Answer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
}>;

const jsonType = 'application/json; charset=utf-8';

/** The answer to a command: what it led to, or the refusal. */
export function commandAnswer(
  command: Readonly<{ status: number; rejections: Readonly<Record<string, number>> }>,
  result: CommandResult,
  correlationId: string,
): Answer {
  if (!result.ok) {
    const problem = rejectionProblem(result.rejection, command.rejections);
    return {
      status: problem.status,
      headers: { 'content-type': problemType, ...problem.headers },
      body: JSON.stringify(problemDocument(problem, correlationId)),
    };
  }
  const { revision, position, answer } = result;
  const empty = command.status === 204 || answer === undefined;
  return {
    status: command.status,
    headers: {
      etag: `"${String(revision)}"`,
      'daybook-position': position,
      ...(empty ? {} : { 'content-type': jsonType }),
    },
    body: empty ? '' : JSON.stringify(answer),
  };
}

/** Sends an answer in one write. Nothing between here and the caller may keep it. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.statusCode = status;
  response.setHeader('cache-control', 'no-store');
  for (const name in headers) response.setHeader(name, headers[name] as string);
  if (status !== 204) response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}
