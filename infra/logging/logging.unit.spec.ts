import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { memoryLog } from './memory-log.ts';
import { pinoLog, type PinoLogOptions } from './pino-log.ts';
import { redactFields, redactText } from './redaction.ts';

const planted = [
  'ada.lovelace+shop@example.co.uk',
  'grüße@müller.example',
  'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl',
  'sealed:subject:user-1:AAECAwQFBgc',
  'hunter2-the-password',
  'sk_live_planted_secret',
];

function written(options: PinoLogOptions, work: (log: ReturnType<typeof pinoLog>) => void): string {
  let text = '';
  work(pinoLog({ ...options, destination: { write: (line: string) => void (text += line) } }));
  return text;
}

function logEverythingPlanted(log: ReturnType<typeof pinoLog>): void {
  const [mail, umlaut, jwt, sealed, password, key] = planted as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  log.info('A person signed up.', {
    email: mail,
    note: `wrote to ${mail}`,
    nested: { list: [umlaut, { password }] },
  });
  log.warn('A call failed.', {
    error: new Error(`no such user ${mail}`, { cause: new Error(`Bearer ${jwt} refused`) }),
    headers: { authorization: `Bearer ${jwt}` },
    url: `https://shop:${password}@db.example/path?to=${encodeURIComponent(mail)}`,
  });
  log.error('A field was sealed.', { value: sealed, api_key: key, stripeSecret: key, accessToken: jwt });
  log
    .with({ refreshToken: jwt, who: mail })
    .info(`A message that names ${mail}.`, { data: { password }, payload: key });
  log.info('An error of the house.', {
    error: new DaybookError('outside-failed', `401 for ${mail}`, {
      fields: { host: 'a.example', apiKey: key },
    }),
  });
}

describe('log', () => {
  test.each([
    ['JSON', false],
    ['pretty', true],
  ])('tells no planted secret or e-mail address (%s)', (_, pretty) => {
    const text = written({ pretty, level: 'debug' }, logEverythingPlanted);
    for (const secret of planted) expect(text).not.toContain(secret);
    expect(text).not.toContain('ada.lovelace');
    expect(text).toContain('a.example');
  });

  test('the memory log redacts as the real one', () => {
    const log = memoryLog();
    logEverythingPlanted(log);
    const text = JSON.stringify(log.lines);
    for (const secret of planted) expect(text).not.toContain(secret);
  });

  test('tells neither one-time tokens within texts nor secrets under other names', () => {
    const token = '0193b1f0-1111-4222-8333-444455556666.0123456789abcdef0123456789abcdef';
    const text = written({}, (log) => {
      log.info('Mailed.', {
        note: `use ${token}.`,
        smtpPass: 'hunter2',
        cookies: 'hunter2',
        secrets: ['hunter2'],
      });
    });
    expect(text).toContain('use [redacted].');
    expect(text).not.toContain('hunter2');
  });

  test('lines are JSON with level, time, message and fields', () => {
    const text = written({ fields: { service: 'edge' } }, (log) => {
      log.with({ stream: 'product-1' }).info('Appended.', { revision: 3 });
    });
    expect(JSON.parse(text)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      message: 'Appended.',
      service: 'edge',
      stream: 'product-1',
      revision: 3,
    });
  });

  test('lines below the level are dropped', () => {
    expect(written({ level: 'warn' }, (log) => log.info('Quiet.'))).toBe('');
    expect(written({ level: 'silent' }, (log) => log.error('Quiet.'))).toBe('');
  });

  test('an error keeps its code, place and cause', () => {
    const cause = new Error('socket hang up');
    const fields = redactFields({
      error: new DaybookError('unavailable', 'The database cannot be reached.', { retry: 'later', cause }),
    });
    expect(fields).toMatchObject({
      error: { code: 'unavailable', retry: 'later', cause: { message: 'socket hang up' } },
    });
    expect((fields['error'] as { stack: string }).stack).toContain('logging.unit.spec');
  });

  test('ordinary values stay as they are', () => {
    const fields = { stream: 'product-1', revision: 0, ok: true, nothing: null, ids: ['a', 'b'], tokens: 3 };
    expect(redactFields(fields)).toEqual(fields);
    expect(redactText('/srv/node_modules/@daybook/kernel/errors.ts:12:3')).toBe(
      '/srv/node_modules/@daybook/kernel/errors.ts:12:3',
    );
  });

  test('size and depth are bounded, cycles included', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(JSON.stringify(redactFields({ cycle })).length).toBeLessThan(200);
    expect(redactText('x'.repeat(100_000)).length).toBeLessThan(5_000);
    expect(redactFields({ bytes: new Uint8Array(4), map: new Map([[1, 2]]), f: () => 1, big: 1n })).toEqual({
      bytes: '[omitted]',
      map: '[Map of 1]',
      f: '[function]',
      big: '1',
    });
  });
});

describe('standard output', () => {
  /** What a process of its own comes to, with the log of this one as `log`. */
  const logging = (
    stdout: number | 'pipe',
    work: string,
  ): Readonly<{ status: number | null; stdout: string | null; stderr: string }> => {
    const program = `import { pinoLog } from ${JSON.stringify(join(import.meta.dirname, 'pino-log.ts'))}; ${work}`;
    return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    });
  };

  test('a line that cannot be written fails nobody who logs', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = logging(
      full,
      `for (const pretty of [false, true]) {
         const log = pinoLog({ pretty });
         for (let line = 0; line < 100; line += 1) log.warn('Nobody reads this.');
       }
       process.exitCode = 42;`,
    );
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 42, stderr: '' });
  });

  test('a long line is written whole', () => {
    const { stdout } = logging(
      'pipe',
      `pinoLog().warn('Long.', { list: Array(50).fill('a b '.repeat(999)) });`,
    );
    expect(JSON.parse(stdout ?? '')).toMatchObject({ message: 'Long.' });
    expect(stdout?.length).toBeGreaterThan(150_000);
  });
});
