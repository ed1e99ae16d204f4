import express, { type Request, type RequestHandler } from 'express';
import { edgeProblem, ProblemError } from './problems.ts';

/** Deepest nesting of a body; nothing that is legitimately sent comes near it. */
const maxDepth = 32;

/** Reads a JSON body up to a size. Compressed bodies are refused, so that none is larger than it looks. */
export function jsonBody(limitBytes: number): RequestHandler {
  const parse = express.json({
    limit: limitBytes,
    inflate: false,
    strict: true,
    type: () => true,
  }) as RequestHandler;
  return (request, response, next) => {
    if (!hasBody(request)) {
      next();
      return;
    }
    if (!isJson(request)) {
      next(new ProblemError(edgeProblem('content-type-unsupported')));
      return;
    }
    parse(request, response, next);
  };
}

function hasBody({ headers }: Request): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function isJson({ headers }: Request): boolean {
  const type = headers['content-type'] ?? '';
  return type === 'application/json' || /^application\/([\w.-]+\+)?json *(;|$)/i.test(type);
}

/** The body as an object; an absent one is empty. @throws a problem for anything else, and for deep nesting */
export function bodyOf(request: Request): Readonly<Record<string, unknown>> {
  const body: unknown = request.body;
  if (body === undefined) return {};
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ProblemError(
      edgeProblem('input-invalid', { errors: [{ field: 'body', message: 'Has to be a JSON object.' }] }),
    );
  }
  if (isDeeper(body, maxDepth)) throw new ProblemError(edgeProblem('body-too-deep'));
  return body as Record<string, unknown>;
}

function isDeeper(value: object, depth: number): boolean {
  if (depth === 0) return true;
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null && isDeeper(part, depth - 1)) return true;
  }
  return false;
}
