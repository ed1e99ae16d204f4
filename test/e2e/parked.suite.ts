import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { openTopics } from '@daybook/infra/topics/open-topics.ts';
import { loadConfig } from '@daybook/infra/config/load.ts';
import { daybookSettings } from '@daybook/infra/config/settings.ts';
import { eventsTopic } from '@daybook/schemas/topics.ts';
import { must, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startDaybook } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { pageOf, productOf, track, type Page, type Stage } from './stage.ts';

type Item = Readonly<{
  parkedId: string;
  consumer: string;
  kind: string;
  status: string;
  reason: string;
  waiting: number | null;
  decision: Readonly<{ act: string; reason: string | null; by: Readonly<{ id: string }> }> | null;
  explanation?: Readonly<{ cause: string; todo: string }> | null;
}>;

const list = '/v1/operations/parked';

/** ENG-10: one tenant's messages are poisoned, its admins see and mend it, nobody else notices. */
export function parkedSuite(stage: () => Stage): void {
  describe('what is parked', () => {
    let hurt: Person;
    let other: Person;

    beforeAll(async () => {
      [hurt, other] = [await stage().join('Hurt'), await stage().join('Other')];
      await publishPoison(stage(), hurt.tenantId);
    }, 180_000);

    const parkedOf = async (person: Person, query = ''): Promise<readonly Item[]> =>
      (must(await person.call('GET', `${list}?limit=200${query}`), 200) as Page<Item>).items;

    /** The poison as one consumer has it. */
    const at = (consumer: string): Promise<Item> =>
      eventually(
        async () => {
          const [found] = await parkedOf(hurt, `&consumer=${encodeURIComponent(consumer)}`);
          if (found?.status !== 'parked') throw new Error(`${consumer}: ${JSON.stringify(found)}`);
          return found;
        },
        { withinMs: 60_000, everyMs: 100 },
      );

    const products = async (): Promise<string> => {
      const all = await eventually(
        async () => {
          const found = (await parkedOf(hurt)).find(({ consumer }) => consumer.startsWith('products.v'));
          if (found === undefined) throw new Error('Nothing is parked for products yet.');
          return found;
        },
        { withinMs: 60_000 },
      );
      return all.consumer;
    };

    test('every consumer parks the message; the tenant’s admins see it explained, another tenant nothing', async () => {
      const item = await at(await products());
      expect(item).toMatchObject({ kind: 'message', reason: 'schema-incompatible', decision: null });
      const shown = must(await hurt.call('GET', `${list}/${item.parkedId}`), 200) as Item;
      expect(shown.explanation?.todo).toContain('retry');
      expect(JSON.stringify(shown)).not.toContain(hurt.email);
      expect(await parkedOf(other)).toEqual([]);
      expect((await other.call('GET', `${list}/${item.parkedId}`)).status).toBe(404);
    }, 180_000);

    test('another tenant is served all the while', async () => {
      await at(await products());
      const productId = await track(other, pageOf(stage().shop, 'corner-notebook'), { name: 'Untouched' });
      const product = await eventually(() => productOf(other, productId), { withinMs: 60_000 });
      expect(product).toMatchObject({ name: 'Untouched' });
    }, 180_000);

    test('acts of others, of nobody’s and without sense change nothing', async () => {
      const { parkedId } = await at(await products());
      const post = (person: Person, path: string, body: object) =>
        person.call('POST', `${list}/${path}`, { body });
      expect((await post(other, `${parkedId}/retry`, {})).status).toBe(404);
      expect((await post(other, `${parkedId}/skip`, { reason: 'Mine.' })).status).toBe(404);
      expect((await post(hurt, `message-${String(2 ** 40)}/retry`, {})).status).toBe(404);
      expect((await post(hurt, `${parkedId}/skip`, {})).status).toBe(400);
      expect((await post(hurt, `${parkedId}/skip`, { reason: ' ' })).status).toBe(400);
      expect((await at(await products())).parkedId).toBe(parkedId);
    }, 180_000);

    test('retried it is parked again; skipped its tenant goes on in order, and the decision stays', async () => {
      const consumer = await products();
      const { parkedId } = await at(consumer);
      const productId = await track(hurt, pageOf(stage().shop, 'corner-notebook'), { name: 'Behind' });
      expect((await hurt.call('GET', `/v1/market/products/${productId}`)).status).toBe(404);
      must(await hurt.call('POST', `${list}/${parkedId}/retry`), 202);
      await skipAll(hurt);
      const product = await eventually(() => productOf(hurt, productId), { withinMs: 60_000 });
      expect(product).toMatchObject({ name: 'Behind' });
      const closed = await eventually(
        async () => {
          const found = (await parkedOf(hurt, '&status=closed')).find((one) => one.parkedId === parkedId);
          expect(found).toMatchObject({
            status: 'closed',
            decision: { act: 'skipped', reason: 'Of no use.', by: { id: hurt.userId } },
          });
          return found;
        },
        { withinMs: 60_000 },
      );
      expect(await parkedOf(hurt)).toEqual([]);
      const again = await hurt.call('POST', `${list}/${String(closed?.parkedId)}/retry`);
      expect([again.status, again.code]).toEqual([409, 'not-parked']);
    }, 180_000);

    /** Gives everything of a tenant up. */
    async function skipAll(person: Person): Promise<void> {
      await eventually(
        async () => {
          const open = await parkedOf(person);
          for (const { parkedId } of open) {
            await person.call('POST', `${list}/${parkedId}/skip`, { body: { reason: 'Of no use.' } });
          }
          expect(open).toEqual([]);
        },
        { withinMs: 120_000, everyMs: 500 },
      );
    }

    test('the operator lists, explains and retries over all tenants by the command line', async () => {
      const third = await stage().join('Third');
      await publishPoison(stage(), third.tenantId);
      const item = await eventually(
        async () => {
          const found = (await parkedOf(third)).find(({ consumer }) => consumer.startsWith('timeline.v'));
          if (found === undefined) throw new Error('Nothing is parked for the timeline yet.');
          return found;
        },
        { withinMs: 60_000 },
      );
      expect(await daybook(stage(), 'parked', 'list', '--tenant', third.tenantId)).toContain(item.parkedId);
      const shown = await daybook(stage(), 'parked', 'show', item.parkedId);
      expect(shown).toContain('schema-incompatible');
      expect(shown).toContain('to do');
      expect(
        await daybook(stage(), 'parked', 'retry', '--consumer', item.consumer, '--tenant', third.tenantId),
      ).toContain('1 handed back');
      await skipAll(third);
    }, 180_000);
  });
}

/** Something on the topic that nobody can read, in the name of a tenant. */
async function publishPoison({ system, env }: Stage, tenantId: string): Promise<void> {
  await withDatabase(system.databaseUrl, async (database) => {
    const wakeups = postgresWakeups(database, silentLog);
    const settings = loadConfig(daybookSettings.pick({ kafka: true }), env).kafka;
    const { topics } = await openTopics({ settings, database, wakeups, log: silentLog, name: 'test' });
    await topics.publish(eventsTopic, [
      {
        key: tenantId,
        value: Buffer.from('no Avro'),
        headers: { ce_id: randomUUID(), ce_type: 'ProductTracked', ce_tenantid: tenantId },
      },
    ]);
    await topics.close();
    await wakeups.close();
  });
}

async function withDatabase(url: string, work: (database: Database) => Promise<void>): Promise<void> {
  const database = openDatabase({ url, log: silentLog, poolSize: 2 });
  try {
    await work(database);
  } finally {
    await database.close();
  }
}

/** Runs a command beside the system; answers with what it printed. */
async function daybook({ system, env }: Stage, ...args: readonly string[]): Promise<string> {
  const one = startDaybook([...args, '--data', system.folder], env);
  await one.ended;
  return one.output();
}
