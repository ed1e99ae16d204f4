import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DaybookConfig } from '@daybook/infra/config/settings.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { startDaybook } from '@daybook/test/support/processes.ts';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import {
  checkChromium,
  checkConfiguration,
  checkDatabase,
  checkFolder,
  checkMail,
  checkNode,
  checkPort,
} from './checks.ts';
import { lines } from './commands/doctor.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-checks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function configOf(env: Readonly<Record<string, string>> = {}): DaybookConfig {
  const { config } = checkConfiguration({ DAYBOOK_DATA: folder, ...env });
  if (config === undefined) throw new Error('The configuration is not complete.');
  return config;
}

async function listening(): Promise<{ port: string; close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: String((server.address() as AddressInfo).port),
    close: () => new Promise((closed) => server.close(() => closed())),
  };
}

describe('the doctor', () => {
  test('knows an old Node', () => {
    expect(checkNode('24.1.0').verdict).toBe('well');
    expect(checkNode('20.19.1')).toMatchObject({ verdict: 'wrong', todo: expect.stringContaining('npm') });
  });

  test('names every problem of the configuration', () => {
    const { finding, config } = checkConfiguration({
      NODE_ENV: 'production',
      PORT: 'x',
      DAYBOOK_DATA: folder,
    });
    expect(config).toBeUndefined();
    expect(finding.verdict).toBe('wrong');
    for (const name of ['PORT', 'ENCRYPTION_KEY']) expect(finding.says).toContain(name);
  });

  test('tells folders apart', async () => {
    expect((await checkFolder(join(folder, 'new'))).verdict).toBe('well');
    expect((await checkFolder(folder)).verdict).toBe('wrong');
    await writeFile(join(folder, 'version.json'), '{"format":1}\n');
    expect((await checkFolder(folder)).verdict).toBe('well');
  });

  test('sees whether the database is there', async () => {
    const { url, drop } = await freshDatabase();
    expect((await checkDatabase(configOf({ DATABASE_URL: url }), folder, silentLog)).verdict).toBe('well');
    await drop();
    const gone = await checkDatabase(configOf({ DATABASE_URL: url }), folder, silentLog);
    expect(gone).toMatchObject({ verdict: 'wrong', says: expect.stringContaining('does not exist') });
    expect(gone.says).not.toContain('\n');
    expect(await checkDatabase(configOf(), folder, silentLog)).toMatchObject({
      verdict: 'well',
      says: expect.stringContaining('embedded'),
    });
  });

  test('sees whether the port is free', async () => {
    const { port, close } = await listening();
    expect((await checkPort(configOf({ PORT: port }))).verdict).toBe('note');
    await close();
    expect((await checkPort(configOf({ PORT: port }))).verdict).toBe('well');
    expect((await checkPort(configOf({ PORT: '0', HOST: '192.0.2.1', NODE_ENV: 'test' }))).verdict).toBe(
      'wrong',
    );
  });

  test('sees whether mail gets away', async () => {
    const { port, close } = await listening();
    const env = { SMTP_HOST: '127.0.0.1', SMTP_PORT: port };
    expect((await checkMail(configOf(env))).verdict).toBe('well');
    await close();
    expect((await checkMail(configOf(env))).verdict).toBe('wrong');
    expect(await checkMail(configOf())).toMatchObject({ says: expect.stringContaining('mailbox') });
  });

  test('misses a browser that is not where it should be', () => {
    expect(checkChromium(configOf({ CHROMIUM_PATH: '/nowhere' })).verdict).toBe('note');
  });

  test('writes nothing into the folder it looks at', async () => {
    const own = await mkdtemp(join(folder, 'own-'));
    await writeFile(join(own, 'version.json'), '{"format":1}\n');
    const run = startDaybook(['doctor', '--port', '0'], { DAYBOOK_DATA: own });
    expect(await run.ended).toBe(0);
    expect(await readdir(own)).toEqual(['version.json']);
  }, 30_000);

  test('says what to do under what it found', () => {
    const text = lines({ about: 'Port', verdict: 'note', says: 'is in use', todo: 'Choose another.' }, false);
    expect(text).toMatch(/^– Port +is in use\n +→ Choose another\.$/);
    expect(lines({ about: 'Port', verdict: 'well', says: 'free' }, true)).toContain('✓');
  });
});
