import { parse } from 'node:querystring';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Position } from '@daybook/kernel/event.ts';
import type { Clock } from '@daybook/kernel/ports/outside.ts';
import type { Query } from '@daybook/kernel/query.ts';
import type { Positions } from '../runtime/positions.ts';
import type { Principal } from '../tokens/principal.ts';
import { sendAnswer } from './answers.ts';
import { edgeOf } from './edge.ts';
import { guards, type Gate } from './guards.ts';
import { inputReader, routeOf, type ReadInput } from './input.ts';
import { edgeProblem, ProblemError } from './problems.ts';

export type QueryRoutesOptions<Db> = Gate &
  Readonly<{
    queries: readonly Query<Db>[];
    /** The read models as one tenant sees them. */
    database: Readonly<{ forTenant(tenantId: string): Db }>;
    positions: Pick<Positions, 'least' | 'waitFor'>;
    clock: Clock;
    /** Longest wait for `Daybook-Min-Position`. Default 5 000. */
    positionWaitMs?: number;
  }>;

/**
 * The routes of query definitions. Every answer says in `Daybook-Position` how far its read models were before it was
 * read; with `Daybook-Min-Position` it waits until they are that far, or answers 503 with the lag.
 */
export function queryRoutes<Db>(options: QueryRoutesOptions<Db>): Router {
  const router = Router({ caseSensitive: true });
  for (const query of options.queries) {
    const { route, parameters } = routeOf(query.path);
    const read = inputReader(query.input, parameters, 'query');
    router.get(route, ...guards(query, ['general'], options), handlerOf(query, read, options));
  }
  return router;
}

type Caller = Readonly<Pick<Principal, 'tenantId' | 'actor'> & { role: Principal['role'] | null }>;
const anyone: Caller = { tenantId: 'public', actor: { kind: 'anonymous', id: 'anonymous' }, role: null };

function handlerOf<Db>(
  query: Query<Db>,
  read: ReadInput<unknown>,
  options: QueryRoutesOptions<Db>,
): RequestHandler {
  const { database, positions, clock, positionWaitMs = 5_000 } = options;
  const choose = representations(query.formats);
  return async (request: Request, response: Response) => {
    const { tenantId, actor, role }: Caller = edgeOf(request).principal ?? anyone;
    const represent = choose(request);
    const input = await read(request.params, queryStringOf(request));
    const minimum = minimumOf(request.headers['daybook-min-position']);
    const position =
      query.reads.length === 0
        ? undefined
        : minimum === undefined
          ? await positions.least(query.reads, tenantId)
          : await positions.waitFor(minimum, query.reads, tenantId, positionWaitMs);
    const output = await query.run(database.forTenant(tenantId), input, {
      tenantId,
      actor,
      role,
      now: clock.now(),
    });
    if (output === null) throw new ProblemError(edgeProblem('not-found'));
    sendAnswer(response, {
      status: 200,
      headers: {
        'content-type': represent.type,
        ...(position === undefined ? {} : { 'daybook-position': position }),
        ...(query.formats === undefined ? {} : { vary: 'Accept' }),
      },
      body: represent.print(output),
    });
  };
}

type Representation = Readonly<{ type: string; print: (output: unknown) => string }>;
const json: Representation = {
  type: 'application/json; charset=utf-8',
  print: (output) => JSON.stringify(output),
};

/** Prepares the choice by `Accept`; JSON where the caller does not mind. */
function representations(
  formats: Readonly<Record<string, (output: unknown) => string>> | undefined,
): (request: Request) => Representation {
  if (formats === undefined) return () => json;
  const types = ['application/json', ...Object.keys(formats)];
  return (request) => {
    if (request.headers.accept === undefined) return json;
    const type = request.accepts(types);
    if (type === false) throw new ProblemError(edgeProblem('not-acceptable'));
    const print = formats[type];
    return print === undefined ? json : { type: `${type}; charset=utf-8`, print };
  };
}

/** Parameters of the query string; repeated ones as lists, which a schema of single values refuses. */
function queryStringOf(request: Request): Readonly<Record<string, unknown>> {
  const mark = request.url.indexOf('?');
  return mark === -1 ? {} : { ...parse(request.url.slice(mark + 1), '&', '=', { maxKeys: 200 }) };
}

function minimumOf(header: string | readonly string[] | undefined): Position | undefined {
  if (header === undefined) return undefined;
  // The form that every position has: as many digits as `beginning`.
  if (typeof header === 'string' && /^\d{20}$/.test(header)) return header as Position;
  throw new ProblemError(
    edgeProblem('header-invalid', {
      errors: [
        { field: 'Daybook-Min-Position', message: 'Has to be the Daybook-Position of an earlier answer.' },
      ],
    }),
  );
}
