import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { loadConfig } from '@daybook/infra/config/load.ts';
import type { ServiceName } from '@daybook/infra/platform.ts';
import { settingsAlone, type ProcessConfig } from './composition.ts';
import { services } from './services.ts';

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://daybook@127.0.0.1/daybook',
  ENCRYPTION_KEY: randomBytes(32).toString('base64'),
};

test.each(['projectors', 'query-service', 'scrapers'] as ServiceName[])(
  '%s alone needs no secret of the calls between services',
  async (name) => {
    const config: ProcessConfig = loadConfig(settingsAlone(await services[name]()), production);
    expect(config.services).toBeUndefined();
    expect(config.installation.environment).toBe('production');
  },
);

test.each(['command-service', 'sagas'] as ServiceName[])(
  '%s alone needs the secret it calls, or is called, with',
  async (name) => {
    const schema = settingsAlone(await services[name]());
    expect(() => loadConfig(schema, production)).toThrow(/SERVICE_SECRET: is required/);
    const secret = randomBytes(32).toString('base64url');
    const config: ProcessConfig = loadConfig(schema, { ...production, SERVICE_SECRET: secret });
    expect(config.services?.secret).toBe(secret);
  },
);

test('what a service declares is there', async () => {
  const config = loadConfig(settingsAlone(await services.scrapers()), production);
  expect(config).toMatchObject({ scraping: { concurrency: 10 }, http: { port: 4000 } });
});
