import express, { Router, type Request, type RequestHandler } from 'express';
import type { CommandCall } from '@daybook/kernel/command.ts';
import type { CommandDelivery, CommandSender } from '@daybook/kernel/ports/outside.ts';
import { checkBody, checkHead, type HeadCheck, type Nonces } from '../tokens/service-signature.ts';
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
 * of the body; a signature counts once). Nothing of a body is read before its signature was found good. The caller says in whose name it acts; it is one of ours. Not in the OpenAPI
 * document.
 */
export function internalRoutes({ commands, secret, nonces }: InternalRoutesOptions): Router {
  const router = Router({ caseSensitive: true });
  const heads = new WeakMap<Request, HeadCheck & { ok: true }>();
  const signed: RequestHandler = (request, response, next) => {
    edgeOf(request).route = internalCommandPath;
    const head = checkHead(secret, { method: 'POST', path: request.originalUrl }, request.headers);
    if (!head.ok) {
      // What is under way of the body would else be read to its end, to keep the connection.
      response.set('connection', 'close');
      throw refusal(head.reason);
    }
    heads.set(request, head);
    next();
  };
  const raw = express.raw({ type: () => true, limit: limitBytes, inflate: false });
  router.post(
    '/internal/commands/:name',
    signed,
    raw,
    async (request: Request<{ name: string }>, response) => {
      const body: unknown = request.body;
      const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
      const check = await checkBody(heads.get(request) as HeadCheck & { ok: true }, bytes, nonces);
      if (!check.ok) throw refusal(check.reason);
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
    },
  );
  return router;
}

function refusal(reason: string): ProblemError {
  return new ProblemError(edgeProblem('signature-invalid', { about: { reason } }));
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
