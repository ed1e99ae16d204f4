/**
 * Infrastructure outcomes: everything that can go wrong outside the domain, as one family of errors.
 * Business outcomes are values (`Decision`, `Verdict`) and never appear here.
 */

/** The closed set of infrastructure failures. `docs/reference/errors.md` is generated from the table below. */
export const errorCodes = {
  'revision-conflict': 'The stream is at another revision than the writer expected.',
  unavailable: 'An engine (store, broker, database) cannot be reached or refuses work for now.',
  timeout: 'No answer came within the limit; whether the work was done is unknown.',
  'schema-unknown': 'A message or event names a schema that is not registered.',
  'schema-incompatible': 'Data does not fit the schema it claims, or a schema breaks compatibility.',
  'key-unknown': 'A sealed value cannot be opened because its key-encryption key is missing or wrong.',
  'address-forbidden': 'An outbound request was refused: its address is private, local or not allowed.',
  'response-too-large': 'An outside answer exceeded its size limit, compressed or not.',
  'redirect-loop': 'An outside answer redirected too often.',
  'outside-failed': 'An outside system answered with a failure.',
  'partition-mismatch': 'A topic exists with another number of partitions than configured.',
  'topic-lost': 'A topic was deleted, cut off or made anew under those who publish to it and read it.',
  'position-timeout': 'A read model did not reach the position asked for within the limit.',
  'configuration-invalid': 'The configuration is missing something or contradicts itself.',
  'log-mismatch': 'The log is not what its consumers took in: it was restored, or it lost its end.',
  'backup-invalid': 'A backup is damaged or incomplete, or it was made by a newer Daybook.',
  'maintenance-refused':
    'A backup, restore, recovery or rebuild was refused: data would be lost, or it is under way elsewhere.',
  'data-folder-unusable': 'The data folder is in use, not writable, or of another version.',
  aborted: 'The caller gave the work up.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** `now`: safe to repeat at once · `later`: repeat after a pause · `never`: repeating cannot help. */
export type Retry = 'never' | 'now' | 'later';

export type ErrorFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

const brand = Symbol.for('daybook.error');

/** The one error class of the platform. Fields are safe to log: never a payload, a secret or personal data. */
export class DaybookError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly fields: ErrorFields;
  readonly [brand] = true;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retry?: Retry; fields?: ErrorFields; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DaybookError';
    this.code = code;
    this.retry = options.retry ?? 'never';
    this.fields = options.fields ?? {};
  }
}

/** Recognises a `DaybookError` (also one from another copy of this module), optionally of one code. */
export function isDaybookError(error: unknown, code?: ErrorCode): error is DaybookError {
  return (
    error instanceof Error && brand in error && (code === undefined || (error as DaybookError).code === code)
  );
}

/** The error of a failed expectation on append; `actual` is -1 where the stream does not exist. */
export function revisionConflict(stream: string, expected: string | number, actual: number): DaybookError {
  return new DaybookError('revision-conflict', 'The stream is at another revision than expected.', {
    retry: 'now',
    fields: { stream, expected, actual },
  });
}
