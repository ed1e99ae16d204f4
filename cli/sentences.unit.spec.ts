import { describe, expect, test } from '@jest/globals';
import { translateDatabaseError } from '@daybook/infra/database/database.ts';
import { DaybookError, errorCodes, type ErrorCode } from '@daybook/kernel/errors.ts';
import { exitCodes, tell } from './sentences.ts';

describe('what a failure tells', () => {
  test('a port in use names the port and the way out', () => {
    const told = tell(Object.assign(new Error('listen'), { code: 'EADDRINUSE', port: 4000 }));
    expect(told).toEqual({ sentence: expect.stringContaining('Port 4000 is in use'), code: exitCodes.port });
  });

  test('a port below 1024 is told apart', () => {
    expect(tell(Object.assign(new Error('listen'), { code: 'EACCES', port: 80 })).sentence).toContain('1023');
  });

  test.each(Object.keys(errorCodes) as ErrorCode[])('%s is a sentence without a stack', (code) => {
    const told = tell(new DaybookError(code, 'It did not work.', { cause: new Error('because') }));
    expect(told.sentence).toContain('It did not work.');
    expect(told.sentence).not.toContain(' at ');
    expect(told.code).toBeGreaterThan(0);
  });

  test('the cause of an outage is told', () => {
    const error = new DaybookError('unavailable', 'The database cannot be reached.', {
      cause: new Error('connect ECONNREFUSED'),
    });
    expect(tell(error).sentence).toContain('ECONNREFUSED');
  });

  test('of a host with several addresses each one is told, and what to do', () => {
    const each = ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'];
    const cause = Object.assign(new AggregateError(each.map((text) => new Error(text))), {
      code: 'ECONNREFUSED',
    });
    const { sentence } = tell(translateDatabaseError(cause));
    expect(sentence).toMatch(
      /^The database cannot be reached\. connect .*::1:5432, connect .*127\.0\.0\.1:5432\n→ /,
    );
    const other = new DaybookError('unavailable', 'EventStoreDB cannot be reached.', { cause });
    expect(tell(other).sentence).not.toContain('DATABASE_URL');
  });

  test('settings are told where they are described, and nothing else is', () => {
    const problems = { problems: 'PORT: is missing' };
    const settings = new DaybookError('configuration-invalid', 'Not usable.', { fields: problems });
    expect(tell(settings).sentence).toContain('docs/reference/configuration.md');
    const event = new DaybookError('configuration-invalid', 'The event cannot be taken in.');
    expect(tell(event)).toEqual({
      sentence: 'The event cannot be taken in.',
      code: exitCodes.configuration,
    });
  });

  test('a bug keeps its stack; anything else is text', () => {
    expect(tell(new TypeError('x is not y')).sentence).toContain(' at ');
    expect(tell('plain')).toEqual({ sentence: 'plain', code: exitCodes.failed });
  });
});
