import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type z } from 'zod';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import { loadConfig, type Environment } from './load.ts';
import { configurationReference } from './reference.ts';
import { weakness } from './secret-strength.ts';
import {
  daybookSettings,
  databaseSettings,
  httpSettings,
  serviceSettings,
  tokenSettings,
} from './settings.ts';
import { isDuration } from './values.ts';
import { variablesOf } from './variable.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'daybook-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function problemsOf(env: Environment, schema: z.ZodObject = daybookSettings): readonly string[] {
  try {
    loadConfig(schema, { DAYBOOK_DATA: folder, ...env });
  } catch (error) {
    if (isDaybookError(error, 'configuration-invalid')) return error.message.split('\n  ').slice(1);
    throw error;
  }
  return [];
}

const good = {
  NODE_ENV: 'production',
  ENCRYPTION_KEY: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
  SERVICE_SECRET: 'Zk3v9QpLx7TnB2wRy8Mh5JcD1sGf4KaE6uVo0XiP',
};

describe('loadConfig', () => {
  test('an empty environment gives a complete development configuration', () => {
    const config = loadConfig(daybookSettings, { DAYBOOK_DATA: folder });
    expect(config.http).toMatchObject({ port: 4_000, corsOrigins: [], bodyLimitBytes: 262_144 });
    expect(config.tokens).toMatchObject({ accessTtlMs: 900_000, signupTtlMs: 3_600_000 });
    expect(config.installation).toEqual({ environment: 'development', dataFolder: folder });
    expect(Buffer.from(config.vault.encryptionKey, 'base64')).toHaveLength(32);
  });

  test('development secrets are the same at every start, in files only their owner reads', () => {
    const first = loadConfig(daybookSettings, { DAYBOOK_DATA: folder });
    const second = loadConfig(daybookSettings, { DAYBOOK_DATA: folder });
    expect(second.vault.encryptionKey).toBe(first.vault.encryptionKey);
    expect(second.services.secret).toBe(first.services.secret);
    expect(statSync(join(folder, 'secrets/ENCRYPTION_KEY')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
  });

  test('reads the variables of the systems it replaces', () => {
    const config = loadConfig(daybookSettings, {
      DAYBOOK_DATA: folder,
      DATABASE_URL: 'postgres://u:p@db.example/shop',
      DB_POOL_SIZE: '25',
      ACCOUNTS_JWT_TTL: '90',
      SMTP_HOST: 'smtp.example',
      SMTP_PASS: 'theirs',
      EMAIL_FROM: 'Shop <shop@example.com>',
      CORS_ORIGIN: 'https://app.example, http://localhost:3000',
      RATE_LIMIT_PER_MINUTE: '250',
      PORT: '8080',
    });
    expect(config.database).toEqual({
      url: 'postgres://u:p@db.example/shop',
      poolSize: 25,
      statementTimeoutMs: 30_000,
    });
    expect(config.tokens.signupTtlMs).toBe(90 * 60_000);
    expect(config.mail).toMatchObject({ smtpHost: 'smtp.example', smtpPassword: 'theirs', smtpPort: 587 });
    expect(config.http).toMatchObject({
      port: 8080,
      corsOrigins: ['https://app.example', 'http://localhost:3000'],
    });
    expect(config.rateLimits.generalPerMinute).toBe(250);
  });

  test.each([
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['15', 900_000],
  ])('a time of %s is %i ms', (text, expected) => {
    expect(loadConfig(tokenSettings, { ACCESS_TOKEN_EXPIRY: text }).accessTtlMs).toBe(expected);
  });

  test('a value may stand in a file; its last line break does not count', () => {
    const file = join(folder, 'url');
    writeFileSync(file, 'postgres://u:p@db.example/shop\n');
    expect(loadConfig(databaseSettings, { DATABASE_URL_FILE: file }).url).toBe(
      'postgres://u:p@db.example/shop',
    );
  });

  test('failpoints are read by name, told where they are none, and refused in production', () => {
    const { installation } = loadConfig(daybookSettings, {
      DAYBOOK_DATA: folder,
      FAILPOINTS: 'relay.read:2:kill',
    });
    expect(installation.failpoints).toMatchObject([{ name: 'relay.read', nth: 2, action: { do: 'kill' } }]);
    expect(problemsOf({ FAILPOINTS: 'relay.red:1:kill' })).toEqual([
      'FAILPOINTS: "relay.red" is no failpoint; docs/reference/failpoints.md lists them',
    ]);
    expect(problemsOf({ ...good, FAILPOINTS: 'relay.read:1:kill' })).toEqual([
      'FAILPOINTS: is not accepted in production',
    ]);
  });

  test('reports all problems together, by variable, without any value', () => {
    const problems = problemsOf({
      PORT: 'eighty-planted',
      DB_POOL_SIZE: '2',
      DATABASE_URL: 'mysql://planted',
      CORS_ORIGIN: '*',
      ACCESS_TOKEN_EXPIRY: 'soon-planted',
      NODE_ENV: 'planted',
      ENCRYPTION_KEY: 'planted',
      SERVICE_SECRET_FILE: join(folder, 'missing'),
      SMTP_PASSWORD: 'one-planted',
      SMTP_PASS: 'two-planted',
      SMTP_SECURE: 'planted',
    });
    const names = problems.map((problem) => problem.slice(0, problem.indexOf(':')));
    expect(names).toEqual(
      expect.arrayContaining([
        'PORT',
        'DB_POOL_SIZE',
        'DATABASE_URL',
        'CORS_ORIGIN',
        'ACCESS_TOKEN_EXPIRY',
        'NODE_ENV',
        'ENCRYPTION_KEY',
        'SERVICE_SECRET_FILE',
        'SMTP_PASSWORD',
        'SMTP_SECURE',
      ]),
    );
    expect(problems.join('\n')).not.toContain('planted');
  });

  test('what is open to a network says what it is for', () => {
    const open = ['NODE_ENV: must be given where HOST opens the interface to a network'];
    for (const HOST of ['0.0.0.0', '::', '192.0.2.1']) expect(problemsOf({ HOST })).toEqual(open);
    for (const HOST of ['127.0.0.1', 'localhost', '::1', '127.1.2.3'])
      expect(problemsOf({ HOST })).toEqual([]);
    expect(problemsOf({ HOST: '0.0.0.0', NODE_ENV: 'development' })).toEqual([]);
  });

  test('a variable given twice is a problem', () => {
    expect(problemsOf({ PORT: '1', PORT_FILE: join(folder, 'url') }, httpSettings)).toEqual([
      'PORT: is given twice, also as PORT_FILE',
    ]);
  });

  test('the result is frozen all the way down', () => {
    const config = loadConfig(daybookSettings, { DAYBOOK_DATA: folder });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.http.corsOrigins)).toBe(true);
  });

  test('limits are wide outside production and those of the reference in it', () => {
    expect(loadConfig(daybookSettings, { DAYBOOK_DATA: folder }).rateLimits.authPerMinute).toBe(600);
    expect(loadConfig(daybookSettings, good).rateLimits).toEqual({
      generalPerMinute: 100,
      authPerMinute: 10,
      mutationsPerSecond: 5,
    });
  });
});

describe('production', () => {
  test('is as strict where a file says so', () => {
    const file = join(folder, 'environment');
    writeFileSync(file, 'production\n');
    expect(problemsOf({ NODE_ENV_FILE: file, JWT_SECRET: 'a-secret-of-an-older-system' })).toEqual([
      'JWT_SECRET: is not accepted in production',
      'SERVICE_SECRET: is required in production',
      'ENCRYPTION_KEY: is required in production',
    ]);
  });

  test('starts with strong secrets', () => {
    expect(loadConfig(daybookSettings, good).installation.environment).toBe('production');
  });

  test('stops where secrets are missing, and makes none up', () => {
    const untouched = mkdtempSync(join(tmpdir(), 'daybook-config-'));
    expect(problemsOf({ NODE_ENV: 'production', DAYBOOK_DATA: untouched })).toEqual([
      'SERVICE_SECRET: is required in production',
      'ENCRYPTION_KEY: is required in production',
    ]);
    expect(() => statSync(join(untouched, 'secrets'))).toThrow();
    rmSync(untouched, { recursive: true });
  });

  test('stops at a placeholder, a short or a repetitive secret', () => {
    const check = (SERVICE_SECRET: string): readonly string[] =>
      problemsOf({ ...good, SERVICE_SECRET }, serviceSettings);
    expect(check('change-me-change-me-change-me-change-me-xyz')).toEqual([
      'SERVICE_SECRET: looks like a placeholder',
    ]);
    expect(check('abababababababababababababababababababab')).toEqual([
      'SERVICE_SECRET: repeats too few characters',
    ]);
    expect(weakness('short')).toBe('is shorter than 32 characters');
    expect(weakness(good.SERVICE_SECRET)).toBeNull();
  });

  test('stops at JWT_SECRET', () => {
    expect(problemsOf({ ...good, JWT_SECRET: 'a-secret-of-the-old-system' })).toEqual([
      'JWT_SECRET: is not accepted in production',
    ]);
  });
});

describe('reference page', () => {
  test('is what the schemas say', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/reference/configuration.md'), 'utf8');
    expect(page).toBe(configurationReference());
  });

  test('names every variable once', () => {
    const names = variablesOf(daybookSettings).map(({ facts }) => facts.name);
    expect(new Set(names).size).toBe(names.length);
    const page = configurationReference();
    for (const name of names) expect(page).toContain(`- \`${name}\`: `);
  });

  test('prints durations so that they mean the same where they are set', () => {
    const page = configurationReference();
    const printed = variablesOf(daybookSettings).flatMap(({ schema, facts: { name } }) => {
      const value = schema.safeParse(undefined).data;
      if (!isDuration(schema) || typeof value !== 'number') return [];
      const text = new RegExp(`^- \`${name}\`: .*Default: \`([^\`]+)\``, 'm').exec(page)?.[1];
      return [{ name, text, means: schema.safeParse(text).data, value }];
    });
    expect(printed.length).toBeGreaterThanOrEqual(6);
    for (const { means, value } of printed) expect(means).toBe(value);
    expect(printed).toContainEqual(expect.objectContaining({ name: 'DB_STATEMENT_TIMEOUT', text: '30s' }));
  });

  test('has a heading for every slice', () => {
    expect(configurationReference().match(/^## [^A-Z].*$/gm)).toBeNull();
  });
});
