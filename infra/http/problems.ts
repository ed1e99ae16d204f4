import type { ServerResponse } from 'node:http';
import type { Rejection } from '@daybook/kernel/decider.ts';
import { errorCodes, isDaybookError, type DaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';

/** What is wrong with one field of an input: its path (`schedule.cron`), and why. Never its value. */
export type FieldError = Readonly<{ field: string; message: string }>;

/** An answer that is not what was asked for, as a problem document (RFC 9457) tells it. */
export type Problem = Readonly<{
  status: number;
  /** Stable, kebab-case: what programs look at. */
  code: string;
  /** One sentence for people. */
  detail: string;
  errors?: readonly FieldError[];
  /** Facts the caller can act on. */
  about?: Readonly<Record<string, string | number>>;
  headers?: Readonly<Record<string, string>>;
}>;

/** The problems the HTTP interface itself knows: code, status, and what it says where nobody says it better. */
export const edgeProblems = {
  'input-invalid': [400, 'The input is not valid.'],
  'json-malformed': [400, 'The body is not valid JSON.'],
  'body-too-deep': [400, 'The body is nested too deeply.'],
  'request-malformed': [400, 'The request is not valid HTTP.'],
  'header-invalid': [400, 'A header is not valid.'],
  'https-required': [403, 'This interface is reached by HTTPS only.'],
  'token-missing': [401, 'A bearer token is needed.'],
  'token-expired': [401, 'Token has expired'],
  'token-invalid': [401, 'Invalid token'],
  'signature-invalid': [401, 'The request is not signed as services sign.'],
  forbidden: [403, 'The role of the caller does not allow this.'],
  'not-found': [404, 'There is no such thing.'],
  'method-not-allowed': [405, 'The method is not possible here.'],
  'not-acceptable': [406, 'The answer cannot be given in any accepted form.'],
  'request-timeout': [408, 'The request took too long to arrive.'],
  'idempotency-key-reused': [409, 'The idempotency key was used for another request.'],
  'request-in-progress': [409, 'A request with this idempotency key is under way.'],
  'precondition-failed': [412, 'The thing has changed since the revision of If-Match.'],
  'body-too-large': [413, 'The body is too large.'],
  'content-type-unsupported': [415, 'The body has to be uncompressed JSON: application/json in UTF-8.'],
  'rate-limited': [429, 'Too many requests.'],
  'headers-too-large': [431, 'The headers are too large.'],
  'internal-error': [500, 'Something went wrong on this side.'],
  'shutting-down': [503, 'This process is stopping.'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type EdgeProblemCode = keyof typeof edgeProblems;

/** The status of each infrastructure failure, and after how many seconds a repeat may help. */
const statusOf: Readonly<Record<ErrorCode, readonly [status: number, retryAfterS?: number]>> = {
  'revision-conflict': [409],
  unavailable: [503, 1],
  timeout: [504, 1],
  'schema-unknown': [500],
  'schema-incompatible': [500],
  'key-unknown': [500],
  'address-forbidden': [400],
  'response-too-large': [502, 60],
  'redirect-loop': [502, 60],
  'outside-failed': [502, 30],
  'partition-mismatch': [500],
  'topic-lost': [503, 60],
  'position-timeout': [503, 1],
  'configuration-invalid': [500],
  'log-mismatch': [503, 60],
  'backup-invalid': [500],
  'maintenance-refused': [500],
  'data-folder-unusable': [500],
  aborted: [503, 1],
};

/** The status of an infrastructure failure; a `revision-conflict` with `If-Match` is answered as `precondition-failed`. */
export function failureStatus(code: ErrorCode): number {
  return statusOf[code][0];
}

/** Thrown by handlers to answer with a problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** A problem of the interface itself; `more` says it better. */
export function edgeProblem(
  code: EdgeProblemCode,
  more: Partial<Omit<Problem, 'status' | 'code'>> = {},
): Problem {
  const [status, detail] = edgeProblems[code];
  return { status, code, detail, ...more };
}

/** The problem of an invalid input. */
export function invalidInput(errors: readonly FieldError[]): ProblemError {
  return new ProblemError(edgeProblem('input-invalid', { errors }));
}

/** Refusals that mean the same in every command. */
export const generalRejections: Readonly<Record<string, number>> = { 'not-found': 404, 'input-invalid': 400 };

/** The answer to a refusal by the domain: 409, or what the command's definition says for its code. */
export function rejectionProblem(
  rejection: Rejection,
  statuses: Readonly<Record<string, number>> = {},
): Problem {
  const { code, detail, about } = rejection;
  const status = statuses[code] ?? generalRejections[code] ?? 409;
  return { status, code, detail, ...(about === undefined ? {} : { about }) };
}

/**
 * The one mapping of errors to answers. Texts and fields of errors stay inside: the caller gets the meaning of the
 * code, and what of the fields is made for it.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (isDaybookError(error)) return infrastructureProblem(error);
  return frameworkProblem(error) ?? edgeProblem('internal-error');
}

function infrastructureProblem(error: DaybookError): Problem {
  const { code, fields, retry } = error;
  const [status, retryAfterS] = statusOf[code];
  if (code === 'revision-conflict') {
    const about = typeof fields['actual'] === 'number' ? { about: { revision: fields['actual'] } } : {};
    return retry === 'never'
      ? edgeProblem('precondition-failed', about)
      : { status, code, detail: errorCodes[code], ...about, headers: { 'retry-after': '1' } };
  }
  return {
    status,
    code,
    detail: errorCodes[code],
    ...(code === 'position-timeout' ? { about: told(fields, ['position', 'reached', 'waitedMs']) } : {}),
    ...(retryAfterS === undefined ? {} : { headers: { 'retry-after': String(retryAfterS) } }),
  };
}

function told(fields: DaybookError['fields'], names: readonly string[]): Record<string, string | number> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = fields[name];
      return typeof value === 'string' || typeof value === 'number' ? [[name, value]] : [];
    }),
  );
}

/** Errors of express, body-parser (https://github.com/expressjs/body-parser#errors) and of URL decoding. */
const frameworkCodes: Readonly<Record<string, EdgeProblemCode>> = {
  'entity.parse.failed': 'json-malformed',
  'entity.verify.failed': 'json-malformed',
  'entity.too.large': 'body-too-large',
  'encoding.unsupported': 'content-type-unsupported',
  'charset.unsupported': 'content-type-unsupported',
  'request.aborted': 'request-malformed',
  'request.size.invalid': 'request-malformed',
};

function frameworkProblem(error: unknown): Problem | null {
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  const code = typeof type === 'string' ? frameworkCodes[type] : undefined;
  if (code !== undefined) return edgeProblem(code);
  return error instanceof URIError || status === 400 ? edgeProblem('request-malformed') : null;
}

/** The document of a problem. */
export function problemDocument(problem: Problem, correlationId: string): Record<string, unknown> {
  const words = problem.code.replaceAll('-', ' ');
  return {
    type: `urn:daybook:problem:${problem.code}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...(problem.about === undefined ? {} : { about: problem.about }),
    correlationId,
  };
}

export const problemType = 'application/problem+json; charset=utf-8';

/** Sends a problem; nothing where the answer has begun already. */
export function sendProblem(response: ServerResponse, problem: Problem, correlationId: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(problemDocument(problem, correlationId));
  for (const [name, value] of Object.entries(problem.headers ?? {})) response.setHeader(name, value);
  if (problem.status === 401) response.setHeader('www-authenticate', challengeOf(problem.code));
  response.statusCode = problem.status;
  response.setHeader('content-type', problemType);
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function challengeOf(code: string): string {
  return code === 'token-missing'
    ? 'Bearer realm="daybook"'
    : 'Bearer realm="daybook", error="invalid_token"';
}
