import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DaybookError } from '@daybook/kernel/errors.ts';
import { eventually } from '@daybook/test/support/eventually.ts';
import type { CommandBus } from '../runtime/command-bus.ts';
import type { CommandExecutor } from './command-routes.ts';
import { postgresIdempotency } from './idempotency-store.ts';
import { startHttpSystem, type HttpSystem, type Reply } from './system.fixture.ts';

/** What the next executions of commands meet, in order: each is told the bus and its own arguments. */
type Mishap = (run: () => ReturnType<CommandExecutor['execute']>) => ReturnType<CommandExecutor['execute']>;
const mishaps: Mishap[] = [];
let executions = 0;

const around = (bus: CommandBus): CommandExecutor => ({
  execute: (...call) => {
    executions += 1;
    const run = (): ReturnType<CommandExecutor['execute']> => bus.execute(...call);
    return (mishaps.shift() ?? ((go) => go()))(run);
  },
});

let system: HttpSystem;
let other: HttpSystem;
let token = '';
beforeAll(async () => {
  system = await startHttpSystem({ around });
  other = await startHttpSystem({ around, beside: system });
  token = await system.tokenOf();
});
afterAll(async () => {
  await other.close();
  await system.close();
});

function add(key: string, text = 'x', on = system, by = token): Promise<Reply> {
  return on.call('POST', '/v1/notes', { token: by, body: { text }, headers: { 'idempotency-key': key } });
}

async function events(): Promise<number> {
  let count = 0;
  for await (const page of system.store.readAll()) count += page.length;
  return count;
}

const essence = ({ status, text, headers }: Reply): unknown => [
  status,
  text,
  headers.get('etag'),
  headers.get('daybook-position'),
  headers.get('content-type'),
];

describe('an idempotency key', () => {
  test('gives the first answer again, byte for byte, from any process', async () => {
    const first = await add('again');
    const count = await events();
    for (const on of [system, other]) {
      const repeat = await add('again', 'x', on);
      expect(essence(repeat)).toEqual(essence(first));
      expect(repeat.headers.get('idempotency-replayed')).toBe('true');
    }
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(await events()).toBe(count);
  });

  test('also where the first answer was a refusal', async () => {
    const { noteId } = (await add('refused-later')).json as { noteId: string };
    const change = (): Promise<Reply> =>
      system.call('PUT', `/v1/notes/${noteId}`, {
        token,
        body: { text: 'forbidden' },
        headers: { 'idempotency-key': 'refused' },
      });
    const first = await change();
    expect(first.status).toBe(409);
    const repeat = await change();
    expect(essence(repeat)).toEqual(essence(first));
    expect(repeat.headers.get('idempotency-replayed')).toBe('true');
  });

  test('refuses another body, another command and another caller', async () => {
    await add('taken');
    const body = await add('taken', 'y');
    expect([body.status, body.json?.['code']]).toEqual([409, 'idempotency-key-reused']);
    const command = await system.call('POST', '/v1/keys', {
      token,
      body: {},
      headers: { 'idempotency-key': 'taken' },
    });
    expect(command.json?.['code']).toBe('idempotency-key-reused');
    const colleague = await system.tokenOf({ userId: 'user-2' });
    expect((await add('taken', 'x', system, colleague)).json?.['code']).toBe('idempotency-key-reused');
  });

  test('is one tenant’s own', async () => {
    const [first, second] = [
      await add('shared-name'),
      await add('shared-name', 'x', system, await system.tokenOf({ tenantId: 'shop-2' })),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.text).not.toBe(first.text);
  });

  test('handles duplicates at once in several processes one time, and answers them alike', async () => {
    const before = executions;
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => add('burst', 'x', n % 2 ? system : other)),
    );
    expect(executions - before).toBe(1);
    expect(new Set(replies.map((reply) => JSON.stringify(essence(reply)))).size).toBe(1);
    expect(replies.filter((reply) => reply.headers.get('idempotency-replayed') === null)).toHaveLength(1);
  });

  test('heals a crash between recording and keeping the answer', async () => {
    mishaps.push(async (run) => {
      await run();
      throw new DaybookError('timeout', 'The connection was lost.', { retry: 'later' });
    });
    const count = await events();
    const lost = await add('lost');
    expect([lost.status, lost.headers.get('retry-after'), lost.json?.['code']]).toEqual([
      504,
      '1',
      'timeout',
    ]);
    const healed = await add('lost');
    expect(healed.status).toBe(201);
    expect(await events()).toBe(count + 1);
    expect(essence(await add('lost'))).toEqual(essence(healed));
  });

  test('heals a process that died at it: the claim ends and the command id is the same', async () => {
    const first = await add('died');
    const count = await events();
    await system.database.pool.query(
      `update runtime.idempotent_requests set status = null, body = null, claimed_at = now() - interval '1 minute'`,
    );
    expect(essence(await add('died'))).toEqual(essence(first));
    expect(await events()).toBe(count);
  });

  test('waits for a request under way, and says so where that takes long', async () => {
    let proceed = (): void => undefined;
    const held = new Promise<void>((done) => {
      proceed = done;
    });
    mishaps.push(async (run) => {
      await held;
      return run();
    });
    const before = executions;
    const first = add('slow');
    await eventually(() => expect(executions).toBe(before + 1));
    const duplicate = add('slow', 'x', other);
    const different = await add('slow', 'y', other);
    expect(different.json?.['code']).toBe('idempotency-key-reused');
    proceed();
    expect(essence(await duplicate)).toEqual(essence(await first));
  });

  test.each(['', 'a b', 'x'.repeat(256), 'é'])('may not be %p', async (key) => {
    const reply = await system.call('POST', '/v1/notes', {
      token,
      body: { text: 'x' },
      headers: { 'idempotency-key': key },
    });
    expect([reply.status, reply.json?.['code']]).toEqual([400, 'header-invalid']);
  });

  test('keeps secret answers sealed, and gives them again', async () => {
    const make = (): Promise<Reply> =>
      system.call('POST', '/v1/keys', { token, body: {}, headers: { 'idempotency-key': 'secret' } });
    const first = await make();
    expect(first.text).toContain('planted-key-');
    expect(essence(await make())).toEqual(essence(first));
    const { rows } = await system.database.pool.query<{ row: string }>(
      'select row_to_json(r)::text as row from runtime.idempotent_requests r',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain('planted-key-');
  });

  test('is forgotten after a day; its command still meets what it recorded', async () => {
    const first = await add('yesterday');
    const count = await events();
    await system.database.pool.query(
      `update runtime.idempotent_requests set claimed_at = claimed_at - interval '25 hours'`,
    );
    const { rowCount } = await system.database.pool.query('select from runtime.idempotent_requests');
    expect(await postgresIdempotency(system).sweep()).toBe(rowCount);
    expect(essence(await add('yesterday'))).toEqual(essence(first));
    expect(await events()).toBe(count);
    expect((await add('yesterday', 'other')).json?.['code']).toBe('idempotency-key-reused');
  });
});
