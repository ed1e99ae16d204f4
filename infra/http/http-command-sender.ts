import { Agent, request } from 'undici';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import type { CommandResult, CommandSender } from '@daybook/kernel/ports/outside.ts';
import { signRequest } from '../tokens/service-signature.ts';

export type HttpCommandSenderOptions = Readonly<{
  /** Where the command service listens: `http://127.0.0.1:4000`. */
  baseUrl: string;
  /** `SERVICE_SECRET`. */
  secret: string;
  /** Whole request. Default 30 000. */
  timeoutMs?: number;
  /** Connections kept open. Default 32. */
  connections?: number;
}>;

/** Sends commands to a command service that runs apart. The inverse of `internalRoutes`. */
export function httpCommandSender(
  options: HttpCommandSenderOptions,
): CommandSender & Readonly<{ close(): Promise<void> }> {
  const { baseUrl, secret, timeoutMs = 30_000, connections = 32 } = options;
  const base = baseUrl.replace(/\/+$/, '');
  const agent = new Agent({ connections, connect: { timeout: 5_000 } });
  return {
    send: async ({ command, input }, delivery) => {
      const path = `/internal/commands/${encodeURIComponent(command)}`;
      const body = JSON.stringify({ input, delivery });
      const headers = {
        ...signRequest(secret, { method: 'POST', path, body }),
        'content-type': 'application/json',
        'x-correlation-id': delivery.correlationId,
        ...(delivery.traceparent === undefined ? {} : { traceparent: delivery.traceparent }),
      };
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const answer = await request(`${base}${path}`, {
          method: 'POST',
          headers,
          body,
          dispatcher: agent,
          signal,
        });
        const text = await answer.body.text();
        if (answer.statusCode === 200) return JSON.parse(text) as CommandResult;
        throw failure(answer.statusCode, text);
      } catch (error) {
        throw isDaybookError(error) ? error : lost(error);
      }
    },
    close: () => agent.close(),
  };
}

/** What a problem document of the command service means here. */
function failure(status: number, text: string): DaybookError {
  const code = codeOf(text);
  if (code === 'revision-conflict') {
    return new DaybookError('revision-conflict', 'Other writers were faster.', { retry: 'later' });
  }
  if (status === 504)
    return new DaybookError('timeout', 'The command service ran out of time.', { retry: 'later' });
  // A signature is refused where clocks or secrets differ: nothing is wrong with the command, and somebody will mend that.
  const passes = status >= 500 || status === 429 || status === 401;
  const retry = passes ? 'later' : 'never';
  return new DaybookError('unavailable', 'The command service did not take the command.', {
    retry,
    fields: { status, problem: code },
  });
}

function codeOf(text: string): string | undefined {
  try {
    const { code } = JSON.parse(text) as { code?: unknown };
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Before a connection stood nothing was sent; after that nobody knows what became of the command. */
function lost(cause: unknown): DaybookError {
  const code = (cause as { code?: unknown } | null)?.code;
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'UND_ERR_CONNECT_TIMEOUT'
    ? new DaybookError('unavailable', 'The command service cannot be reached.', { retry: 'later', cause })
    : new DaybookError('timeout', 'The command service did not answer.', { retry: 'later', cause });
}
