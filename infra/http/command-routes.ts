import { randomUUID } from 'node:crypto';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Command } from '@daybook/kernel/command.ts';
import type { CommandDelivery, CommandResult, Log } from '@daybook/kernel/ports/outside.ts';
import type { Principal } from '../tokens/principal.ts';
import { commandAnswer, sendAnswer, type Answer } from './answers.ts';
import { bodyOf, jsonBody } from './body.ts';
import { edgeOf } from './edge.ts';
import { guards, type Gate } from './guards.ts';
import { idempotencyKeyOf, type Idempotency } from './idempotency.ts';
import { inputReader, routeOf, type ReadInput } from './input.ts';
import { edgeProblem, ProblemError } from './problems.ts';
import type { PolicyName } from './rate-limits.ts';

/** What executes commands: the command bus of `infra/runtime`. */
export type CommandExecutor = Readonly<{
  execute(
    command: Command,
    input: unknown,
    delivery: CommandDelivery,
    options?: Readonly<{ expectedRevision?: number }>,
  ): Promise<CommandResult>;
}>;

export type CommandRoutesOptions = Gate &
  Readonly<{
    commands: readonly Command[];
    bus: CommandExecutor;
    idempotency: Idempotency;
    log: Log;
    /** Default 256 KiB. */
    bodyLimitBytes?: number;
  }>;

type Endpoint = Readonly<{ command: Command; read: ReadInput<unknown> }>;
type Caller = Readonly<{ tenantId: string; actor: Principal['actor'] }>;

const anyone: Caller = { tenantId: 'public', actor: { kind: 'anonymous', id: 'anonymous' } };

/**
 * The routes of command definitions. A request passes: rate limit, authentication and role (public commands: rate limit
 * by address), body, input schema, idempotency key, command bus.
 */
export function commandRoutes(options: CommandRoutesOptions): Router {
  const router = Router({ caseSensitive: true });
  const body = jsonBody(options.bodyLimitBytes ?? 262_144);
  for (const command of options.commands) {
    if (command.path === undefined || command.access === 'internal') continue;
    const { route, parameters } = routeOf(command.path);
    const endpoint = { command, read: inputReader(command.input, parameters, 'body') };
    const { access, path } = command;
    const policies: readonly PolicyName[] = access === 'public' ? ['auth'] : ['general', 'mutations'];
    const before = guards({ access, path }, policies, options);
    router[methods[command.method]](route, ...before, body, handlerOf(endpoint, options));
  }
  return router;
}

const methods = { POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;

function handlerOf({ command, read }: Endpoint, options: CommandRoutesOptions): RequestHandler {
  const { bus, log } = options;
  const secret = command.secretAnswer ?? false;
  const run = async (
    input: unknown,
    delivery: CommandDelivery,
    expectedRevision: number | undefined,
  ): Promise<Answer> => {
    try {
      const result = await bus.execute(
        command,
        input,
        delivery,
        expectedRevision === undefined ? undefined : { expectedRevision },
      );
      return commandAnswer(command, result, delivery.correlationId);
    } catch (error) {
      log.debug('A command failed.', { command: command.name, commandId: delivery.commandId, error });
      throw error;
    }
  };
  return async (request: Request, response: Response) => {
    const { correlationId, traceparent, principal } = edgeOf(request);
    const caller: Caller = principal ?? anyone;
    const input = await read(request.params, bodyOf(request));
    const expectedRevision = revisionOf(request.headers['if-match']);
    const key = idempotencyKeyOf(request.headers['idempotency-key']);
    const deliver = (commandId: string): Promise<Answer> =>
      run(
        input,
        {
          tenantId: caller.tenantId,
          actor: caller.actor,
          commandId,
          correlationId,
          ...(traceparent === undefined ? {} : { traceparent }),
        },
        expectedRevision,
      );
    if (key === undefined) {
      sendAnswer(response, await deliver(randomUUID()));
      return;
    }
    const keyed = { key, tenantId: caller.tenantId, actorId: caller.actor.id, command: command.name, input };
    const { answer, replayed } = await options.idempotency.once(keyed, secret, deliver);
    if (replayed) response.setHeader('idempotency-replayed', 'true');
    sendAnswer(response, answer);
  };
}

/** The revision of `If-Match`. `*` and no header ask for nothing. @throws a problem `header-invalid` */
function revisionOf(header: string | undefined): number | undefined {
  if (header === undefined || header === '*') return undefined;
  const [, revision] = /^"(-1|\d{1,15})"$/.exec(header) ?? [];
  if (revision !== undefined) return Number(revision);
  throw new ProblemError(
    edgeProblem('header-invalid', {
      errors: [{ field: 'If-Match', message: 'Has to be the ETag of an earlier answer, such as "3".' }],
    }),
  );
}
