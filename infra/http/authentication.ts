import type { Request, RequestHandler } from 'express';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import type { Access } from '@daybook/kernel/command.ts';
import type { AccessTokens, Verification } from '../tokens/access-tokens.ts';
import type { Principal } from '../tokens/principal.ts';
import { edgeOf } from './edge.ts';
import { edgeProblem, ProblemError, type EdgeProblemCode } from './problems.ts';

/** Lets pass who carries a good credential; what follows finds it by `principalOf`. */
export type Authenticate = RequestHandler;

/** A token that is already verified, on its way through passport-jwt. */
class VerifiedToken {
  readonly principal: Principal;

  constructor(principal: Principal) {
    this.principal = principal;
  }
}

type Verifier = (
  token: string,
  key: unknown,
  options: unknown,
  done: (error: Error | null, payload?: unknown) => void,
) => void;

// passport-jwt verifies by jsonwebtoken, which knows no Ed25519. Its verifier is made to be replaced; every key but our
// own mark still goes to the original one.
const strategyClass = Strategy as unknown as { JwtVerifier: Verifier };
const original = strategyClass.JwtVerifier;
strategyClass.JwtVerifier = (token, key, options, done) => {
  if (key instanceof VerifiedToken) done(null, key.principal);
  else original(token, key, options, done);
};

const refusals = new WeakMap<Request, EdgeProblemCode | Error>();

/** Authentication by bearer token (RFC 6750), as a passport strategy. The tenant comes from the token alone. */
export function bearerAuthentication(tokens: AccessTokens): Authenticate {
  const strategy = new Strategy(
    {
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: (request: Request, token: string, done: (error: unknown, key?: never) => void) => {
        const conclude = (verification: Verification): void => {
          if (verification.ok) done(null, new VerifiedToken(verification.principal) as never);
          else refuse(verification.reason === 'expired' ? 'token-expired' : 'token-invalid');
        };
        const refuse = (reason: EdgeProblemCode | Error): void => {
          refusals.set(request, reason);
          done('refused');
        };
        const verification = tokens.verify(token);
        if (!(verification instanceof Promise)) conclude(verification);
        else verification.then(conclude, refuse);
      },
    },
    (principal: Principal, done: (error: null, user: Principal) => void) => {
      done(null, principal);
    },
  );
  // By name: passport then gives each request a copy of the strategy. Handed over as an object, all requests under way
  // would share one, and an answer of one would go to another.
  const authenticate = new passport.Passport().use('bearer', strategy).authenticate('bearer', {
    session: false,
    assignProperty: 'principal',
    authInfo: false,
    failWithError: true,
  }) as RequestHandler;
  return (request, response, next) => {
    authenticate(request, response, (error?: unknown) => {
      if (error === undefined) {
        edgeOf(request).principal = (request as unknown as { principal: Principal }).principal;
        next();
        return;
      }
      const refusal =
        refusals.get(request) ??
        (request.headers.authorization === undefined ? 'token-missing' : 'token-invalid');
      next(typeof refusal === 'string' ? new ProblemError(edgeProblem(refusal)) : refusal);
    });
  };
}

/** Who calls. @throws a problem `token-missing` where nobody was authenticated */
export function principalOf(request: Request): Principal {
  const { principal } = edgeOf(request);
  if (principal === undefined) throw new ProblemError(edgeProblem('token-missing'));
  return principal;
}

/** Lets pass the roles that a definition names. */
export function authorise(access: Exclude<Access, 'public' | 'internal'>): (principal: Principal) => void {
  const roles: ReadonlySet<string> = new Set(access);
  return (principal) => {
    if (!roles.has(principal.role)) throw new ProblemError(edgeProblem('forbidden'));
  };
}
