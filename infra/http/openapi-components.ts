/** The parts that every operation of the OpenAPI document shares. */

export type JsonObject = Readonly<Record<string, unknown>>;

const problemSchema: JsonObject = {
  type: 'object',
  description: 'A problem document (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'correlationId'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'One sentence for people.' },
    code: { type: 'string', description: 'Stable; what programs look at.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
    about: { type: 'object', additionalProperties: { type: ['string', 'number'] } },
    correlationId: { type: 'string', description: 'Name it when asking for help: log lines carry it.' },
  },
};

const descriptions: Readonly<Record<string, string>> = {
  '400': 'Malformed or invalid; `errors` names the fields.',
  '401': 'No bearer token, or one that is invalid or has expired.',
  '403': 'The role of the caller does not allow it.',
  '404': 'There is no such thing, or it is somebody else’s.',
  '406': 'The answer cannot be given in any accepted form.',
  '409': 'Refused by the rules, or other writers were faster; `code` says which.',
  '410': 'It is gone.',
  '412': 'The thing has changed since the revision of If-Match.',
  '413': 'The body is too large.',
  '415': 'The body is not JSON.',
  '429': 'Too many requests, or attempts; where waiting helps, Retry-After says how long.',
  '503': 'Not possible for now; Retry-After says how long to wait.',
  '504':
    'No answer within the limit; a command may have been recorded all the same: repeat it with its Idempotency-Key.',
};

const names = Object.fromEntries(Object.keys(descriptions).map((status) => [status, `Problem${status}`]));

export const components: JsonObject = {
  securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  schemas: { Problem: problemSchema },
  responses: Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => [
      names[status],
      {
        description,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  ),
  parameters: {
    IdempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      description:
        'The same key and request give the first answer again, for 24 hours; another request gives 409.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
    IfMatch: {
      name: 'If-Match',
      in: 'header',
      description: 'The ETag of an earlier answer: 412 where the thing has changed since.',
      schema: { type: 'string' },
    },
    MinPosition: {
      name: 'Daybook-Min-Position',
      in: 'header',
      description: 'The Daybook-Position of a command: the answer shows at least what it did, or is 503.',
      schema: { type: 'string' },
    },
  },
  headers: {
    Position: { description: 'Position in the log.', schema: { type: 'string' } },
    Revision: { description: 'Revision of the thing, for If-Match.', schema: { type: 'string' } },
  },
};

const position = { $ref: '#/components/headers/Position' };

export const commandHeaders = {
  parameters: [
    { $ref: '#/components/parameters/IdempotencyKey' },
    { $ref: '#/components/parameters/IfMatch' },
  ],
  responses: { ETag: { $ref: '#/components/headers/Revision' }, 'Daybook-Position': position },
};

export const queryHeaders = {
  parameters: [{ $ref: '#/components/parameters/MinPosition' }],
  responses: { 'Daybook-Position': position },
};

/** References to the shared answers of some statuses. */
export function errorAnswers(statuses: readonly string[]): JsonObject {
  return Object.fromEntries(
    [...new Set(statuses)]
      .filter((status) => status in names)
      .sort()
      .map((status) => [status, { $ref: `#/components/responses/${names[status] ?? ''}` }]),
  );
}
