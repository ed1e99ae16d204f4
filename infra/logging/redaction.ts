import type { LogFields } from '@daybook/kernel/ports/outside.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';

/** Stands where a log line would have told a secret or personal data. */
export const redacted = '[redacted]';

/** Stands where a log line would have carried business data. */
export const omitted = '[omitted]';

/** Ends of key names (lower case, without `_` and `-`) whose values are never shown. */
const secretEndings = [
  'password',
  'passwd',
  'pass',
  'passphrase',
  'secret',
  'secrets',
  'token',
  'authorization',
  'cookie',
  'cookies',
  'apikey',
  'privatekey',
  'encryptionkey',
  'jwt',
  'otp',
  'credential',
  'credentials',
  'email',
  'emailaddress',
  'signature',
];

/** Key names of business data, which belongs into events and not into logs. */
const payloadKeys = new Set([
  'data',
  'body',
  'payload',
  'input',
  'output',
  'answer',
  'headers',
  'html',
  'text',
]);

const maxDepth = 6;
const maxItems = 50;
const maxLength = 4_000;

const keyKinds = new Map<string, 'secret' | 'payload' | 'plain'>();

function kindOf(key: string): 'secret' | 'payload' | 'plain' {
  const known = keyKinds.get(key);
  if (known !== undefined) return known;
  const plain = key.toLowerCase().replaceAll(/[_-]/g, '');
  const kind = secretEndings.some((ending) => plain.endsWith(ending))
    ? 'secret'
    : payloadKeys.has(plain)
      ? 'payload'
      : 'plain';
  // Field names come from code; the bound holds should one ever come from outside.
  if (keyKinds.size < 1_000) keyKinds.set(key, kind);
  return kind;
}

/** Values that tell by their form: each is replaced within the text around it. */
const patterns: readonly (readonly [mark: string, RegExp, string])[] = [
  ['sealed:', /sealed:[\w.:=+/-]+/g, redacted],
  ['://', /:\/\/[^\s/@]{1,400}@/g, `://${redacted}@`],
  ['eyJ', /\beyJ[\w-]{6,}\.[\w-]{2,}(?:\.[\w-]*)?/g, redacted],
  ['-', /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.[\da-f]{32}\b/g, redacted],
  ['earer', /\b(bearer) +[\w.~+/=-]+/gi, `$1 ${redacted}`],
  ['asic', /\b(basic) +[\w+/=]{6,}/gi, `$1 ${redacted}`],
  ['@', /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+/gu, redacted],
  ['%40', /[\w.%+-]{1,64}%40[\w-]{1,63}(?:\.[\w-]{1,63})+/g, redacted],
  [
    'PRIVATE KEY',
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    redacted,
  ],
];

/** A text without what looks like an e-mail address, a bearer or one-time token, a sealed value or credentials in a URL. */
export function redactText(text: string): string {
  let result = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  for (const [mark, pattern, replacement] of patterns) {
    if (result.includes(mark)) result = result.replace(pattern, replacement);
  }
  return result;
}

/** Fields as they may stand in a log line: by key names and by the look of values, to a bounded depth and size. */
export function redactFields(fields: LogFields): Record<string, unknown> {
  return redactEntries(Object.entries(fields), 0);
}

function redactEntries(
  entries: readonly (readonly [string, unknown])[],
  depth: number,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of entries.slice(0, maxItems)) {
    if (value === undefined) continue;
    const kind = kindOf(key);
    result[key] = kind === 'secret' ? redacted : kind === 'payload' ? omitted : redactValue(value, depth);
  }
  return result;
}

function redactValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? null : redactObject(value, depth);
    case 'undefined':
    case 'symbol':
    case 'function':
      return `[${typeof value}]`;
  }
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return omitted;
  if (value instanceof Map || value instanceof Set)
    return `[${value.constructor.name} of ${String(value.size)}]`;
  if (depth >= maxDepth) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redactValue(item, depth + 1));
  return redactEntries(Object.entries(value), depth + 1);
}

/** What is told of an error: its kind, text, place and cause; driver errors hold more, such as rows, and lose it. */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: redactText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(isDaybookError(error) ? { retry: error.retry, ...redactFields({ fields: error.fields }) } : {}),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined || depth >= maxDepth ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}
