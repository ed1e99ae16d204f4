import type { RequestHandler } from 'express';
import type { Access } from '@daybook/kernel/command.ts';
import { authorise, principalOf, type Authenticate } from './authentication.ts';
import { edgeOf } from './edge.ts';
import { addressOf, type PolicyName, type RateLimits } from './rate-limits.ts';

/** What stands before every definition's handler. */
export type Gate = Readonly<{ authenticate: Authenticate; limits: RateLimits }>;

/**
 * What a request passes before its handler. Public: the limits, by address. Others: authentication, the limits by user,
 * then the role. A failed authentication counts against its address, so that tokens cannot be guessed at leisure.
 */
export function guards(
  { access, path }: Readonly<{ access: Exclude<Access, 'internal'>; path: string }>,
  policies: readonly PolicyName[],
  { authenticate, limits }: Gate,
): RequestHandler[] {
  const begin: RequestHandler = (request, _, next) => {
    edgeOf(request).route = path;
    next();
  };
  if (access === 'public') {
    return [
      begin,
      async (request, response, next) => {
        await limits.take(policies, addressOf(request), response);
        next();
      },
    ];
  }
  const allow = authorise(access);
  return [
    begin,
    (request, response, next) => {
      authenticate(request, response, (failure?: unknown) => {
        if (failure === undefined) next();
        else void countFailure(limits, addressOf(request), response, failure).then(next);
      });
    },
    (request, response, next) => {
      const principal = principalOf(request);
      const waiting = limits.take(policies, `${principal.tenantId}/${principal.actor.id}`, response);
      allow(principal);
      if (waiting === undefined) next();
      else
        waiting.then(() => {
          next();
        }, next);
    },
  ];
}

/** Answers with the failure, or with that of the limit. */
async function countFailure(
  limits: RateLimits,
  address: string,
  response: Parameters<RateLimits['take']>[2],
  failure: unknown,
): Promise<unknown> {
  try {
    await limits.take(['general'], address, response);
    return failure;
  } catch (refusal) {
    return refusal;
  }
}
