import express, { Router } from 'express';
import type { CommandCall } from '@daybook/kernel/command.ts';
import type { CommandDelivery, CommandSender } from '@daybook/kernel/ports/outside.ts';
import { checkRequest, type Nonces } from '../tokens/service-signature.ts';
import { sendAnswer } from './answers.ts';
import { edgeOf } from './edge.ts';
import { edgeProblem, invalidInput, ProblemError } from './problems.ts';

export type InternalRoutesOptions = Readonly<{
  /** The command bus. */
  commands: CommandSender;
  /** `SERVICE_SECRET`. */
  secret: string;
  nonces: Nonces;
}>;

export const internalCommandPath = '/internal/commands/{name}';

const limitBytes = 4_194_304;

/**
 * `POST /internal/commands/{name}`: commands of other services, signed by the secret they share (time, nonce and hash
 * of the body; a signature counts once). The caller says in whose name it acts; it is one of ours. Not in the OpenAPI
 * document.
 */
export function internalRoutes({ commands, secret, nonces }: InternalRoutesOptions): Router {
  const router = Router({ caseSensitive: true });
  const raw = express.raw({ type: () => true, limit: limitBytes, inflate: false });
  router.post('/internal/commands/:name', raw, async (request, response) => {
    edgeOf(request).route = internalCommandPath;
    const body: unknown = request.body;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    const signed = { method: 'POST', path: request.originalUrl, body: bytes };
    const check = await checkRequest(secret, signed, request.headers, nonces);
    if (!check.ok) {
      throw new ProblemError(edgeProblem('signature-invalid', { about: { reason: check.reason } }));
    }
    const { call, delivery } = readDelivery(request.params.name, bytes);
    const { traceparent = delivery.traceparent } = edgeOf(request);
    const result = await commands.send(
      call,
      traceparent === undefined ? delivery : { ...delivery, traceparent },
    );
    sendAnswer(response, {
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(result),
    });
  });
  return router;
}

function readDelivery(name: string, bytes: Buffer): { call: CommandCall; delivery: CommandDelivery } {
  let body: { input?: unknown; delivery?: unknown };
  try {
    body = JSON.parse(bytes.toString('utf8')) as typeof body;
  } catch {
    throw new ProblemError(edgeProblem('json-malformed'));
  }
  const { input, delivery } = body;
  if (!isObject(input)) throw invalidInput([{ field: 'input', message: 'Has to be an object.' }]);
  if (!isObject(delivery) || !isDelivery(delivery)) {
    throw invalidInput([
      { field: 'delivery', message: 'Has to name tenant, actor, command and correlation.' },
    ]);
  }
  return { call: { command: name, input }, delivery };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDelivery(value: Readonly<Record<string, unknown>>): value is CommandDelivery {
  const { tenantId, commandId, correlationId, actor } = value;
  return (
    [tenantId, commandId, correlationId].every((text) => typeof text === 'string' && text !== '') &&
    isObject(actor) &&
    typeof actor['kind'] === 'string' &&
    typeof actor['id'] === 'string'
  );
}
