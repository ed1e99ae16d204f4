import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { callerOf, must, signUp } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startDaybook, type DaybookProcess } from '../support/processes.ts';
import { readyLine } from '../support/system.ts';

let parent: string;
let folder: string;
const running: DaybookProcess[] = [];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'daybook-life-'));
  folder = join(parent, 'data');
});
afterEach(async () => {
  for (const one of running.splice(0)) {
    one.signal('SIGTERM');
    await one.ended;
  }
  if ((await runningEmbeddedPostgres(join(folder, 'postgres'))) !== undefined) {
    const keeper = start(['run', 'database']);
    await keeper.said(readyLine.database);
    keeper.signal('SIGTERM');
    await keeper.ended;
    running.length = 0;
  }
  await rm(parent, { recursive: true, force: true });
}, 60_000);

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): DaybookProcess {
  const one = startDaybook(args, { DAYBOOK_DATA: folder, ...env });
  running.push(one);
  return one;
}

async function up(...more: readonly string[]): Promise<{ process: DaybookProcess; url: string }> {
  const process = start(['up', '--port', '0', ...more]);
  return { process, url: String((await process.said(readyLine.up))['url']) };
}

/** Memory of all services in one process, PostgreSQL and Chromium aside (proc_pid_status(5)). */
function residentMb({ pid }: DaybookProcess): number {
  const [, kB] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
  return Number(kB) / 1_000;
}

/** What a start leaves is collected some time. */
function staysSmall(one: DaybookProcess): Promise<void> {
  return eventually(() => {
    expect(residentMb(one)).toBeLessThan(350);
  });
}

describe('starting and stopping', () => {
  test('Ctrl-C stops everything, and a second start has all data', async () => {
    const first = await up();
    const person = await signUp(callerOf({ commands: first.url, queries: first.url }));
    first.process.signal('SIGINT');
    expect(await first.process.ended).toBe(0);
    expect(await runningEmbeddedPostgres(join(folder, 'postgres'))).toBeUndefined();

    const began = performance.now();
    const second = await up();
    process.stdout.write(
      `    a second start is ready after ${String(Math.round(performance.now() - began))} ms\n`,
    );
    await staysSmall(second.process);
    const call = callerOf({ commands: second.url, queries: second.url });
    await eventually(async () => {
      const seen = must(await call('GET', '/v1/events?limit=100', { token: person.token }), 200);
      expect(JSON.stringify(seen)).toContain(person.userId);
    });
  }, 60_000);

  test('the second of two in one folder says so and leaves; the first goes on', async () => {
    const first = await up();
    const second = start(['up', '--port', '0']);
    expect(await second.ended).toBe(4);
    expect(second.output()).toContain(`Another Daybook (process ${String(first.process.pid)}) is running`);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  }, 60_000);

  test('a killed one leaves nothing in the way of the next', async () => {
    const first = await up();
    first.process.signal('SIGKILL');
    await first.process.ended;
    await up();
  }, 60_000);

  test('a second signal forces what does not stop', async () => {
    const { process: one } = await up();
    const database = Number(
      (await readFile(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0],
    );
    process.kill(database, 'SIGSTOP');
    try {
      one.signal('SIGINT');
      await eventually(() =>
        expect(one.logLines().map(({ message }) => message)).toContain('Daybook is stopping.'),
      );
      one.signal('SIGINT');
      expect(await one.ended).toBe(130);
    } finally {
      process.kill(database, 'SIGCONT');
    }
  }, 60_000);

  test('a port in use is named', async () => {
    const taken = createServer();
    await new Promise<void>((ready) => taken.listen(0, '127.0.0.1', ready));
    const { port } = taken.address() as AddressInfo;
    const one = start(['up', '--port', String(port)]);
    expect(await one.ended).toBe(5);
    expect(one.output()).toContain(`Port ${String(port)} is in use`);
    taken.close();
    expect(await runningEmbeddedPostgres(join(folder, 'postgres'))).toBeUndefined();
  }, 60_000);

  test.each([
    ['another version', async () => writeFile(join(folder, 'version.json'), '{"format":99}'), 'format 99'],
    ['somebody else', async () => writeFile(join(folder, 'thesis.txt'), 'x'), 'holds no Daybook'],
  ])('the folder of %s is left alone', async (_, prepare, sentence) => {
    folder = parent;
    await prepare();
    const one = start(['up', '--port', '0']);
    expect(await one.ended).toBe(4);
    expect(one.output()).toContain(sentence);
    folder = join(parent, 'data');
  });

  test('another ENCRYPTION_KEY than before stops the start, before anything is sealed by it', async () => {
    const first = await up();
    await signUp(callerOf({ commands: first.url, queries: first.url }));
    first.process.signal('SIGINT');
    await first.process.ended;
    const other = start(['up', '--port', '0'], { ENCRYPTION_KEY: randomBytes(32).toString('base64') });
    expect(await other.ended).not.toBe(0);
    expect(other.output()).toContain('sealed under another ENCRYPTION_KEY');
    expect(other.output()).not.toMatch(/^ +at /m);
    const again = await up();
    await signUp(callerOf({ commands: again.url, queries: again.url }));
  }, 60_000);

  test('in production missing secrets stop the start, all named at once', async () => {
    const one = start(['up', '--port', '0'], { NODE_ENV: 'production' });
    expect(await one.ended).toBe(3);
    for (const name of ['ENCRYPTION_KEY', 'SERVICE_SECRET']) expect(one.output()).toContain(name);
  });
});

describe('the other commands', () => {
  test('help and mistakes', async () => {
    const help = start(['--help']);
    expect(await help.ended).toBe(0);
    for (const word of ['up', 'run', 'migrate', 'log', 'doctor', 'demo'])
      expect(help.output()).toContain(word);
    expect(await start(['fly']).ended).toBe(2);
    expect(await start(['up', '--port', 'many']).ended).toBe(2);
    const nowhere = start(['run', 'sagas']);
    expect(await nowhere.ended).toBe(3);
    expect(nowhere.output()).toContain('daybook run database');
  });

  test('log says where no Daybook is, and makes none', async () => {
    const one = start(['log']);
    expect(await one.ended).toBe(4);
    expect(one.output()).toBe(
      `There is no Daybook in ${folder}. Start one there with "daybook up --data ${folder}", or name the folder of another with --data.\n`,
    );
    expect(existsSync(folder)).toBe(false);
  });

  test('migrate, doctor and log work on a folder that nobody runs, and beside one that runs', async () => {
    const migrate = start(['migrate']);
    expect(await migrate.ended).toBe(0);
    expect(migrate.output()).toContain('up to date');
    const doctor = start(['doctor', '--port', '0']);
    expect(await doctor.ended).toBe(0);
    expect(doctor.output()).toContain('Ready to start.');

    const { process: one, url } = await up();
    const person = await signUp(callerOf({ commands: url, queries: url }));
    const follower = start(['log', '--follow', '--type', 'UserRegistered']);
    await follower.printed(/UserRegistered/);
    follower.signal('SIGINT');
    expect(await follower.ended).toBe(0);
    const sealed = start(['log', '--tenant', person.tenantId]);
    expect(await sealed.ended).toBe(0);
    expect(sealed.output()).toContain('SignupRequested');
    expect(sealed.output()).not.toContain(person.email);
    const opened = start(['log', '--type', 'SignupRequested', '--open']);
    expect(await opened.ended).toBe(0);
    expect(opened.output()).toContain(person.email);
    one.signal('SIGTERM');
    expect(await one.ended).toBe(0);
  }, 90_000);
});

describe('the demo', () => {
  test('tells what happens in plain lines, hands out a working token, and goes on after a restart', async () => {
    const first = start(['up', '--demo', '--port', '0']);
    await first.printed(/Aurora desk lamp: €\d+\.\d\d/);
    const token = (await first.printed(/TOKEN=(\S+)/))[1] ?? '';
    const url = (await first.printed(/(http:\S+)\/v1\/market\/overview/))[1] ?? '';
    const call = callerOf({ commands: url, queries: url });
    must(await call('GET', '/v1/market/overview', { token }), 200);
    await first.printed(/[▲▼] \d+\.\d %/);
    await staysSmall(first);
    const tenant = (await first.printed(/the tenant is (\S+)\./))[1];
    first.signal('SIGINT');
    expect(await first.ended).toBe(0);
    expect(first.output()).not.toContain('\u001b');

    const second = start(['up', '--demo', '--port', '0']);
    expect((await second.printed(/the tenant is (\S+)\./))[1]).toBe(tenant);
    await second.printed(/24 products are tracked/);
  }, 120_000);
});
