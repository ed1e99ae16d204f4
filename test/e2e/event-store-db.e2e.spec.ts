import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startStandIn, type StandIn } from '../fakes/event-store-db/server.ts';
import { interfaceSuites } from './interface.ts';
import { openStage, pageOf, track, type Stage } from './stage.ts';

describe('everything in one process, its log in EventStoreDB (stand-in)', () => {
  let server: StandIn;
  let stage: Stage;
  beforeAll(async () => {
    server = await startStandIn();
    stage = await openStage('one process', { EVENTSTORE_URL: server.url });
  }, 60_000);
  afterAll(async () => {
    await stage.close();
    await server.stop();
  }, 30_000);

  for (const suite of interfaceSuites) suite(() => stage);

  test('while it is away commands are refused for now and queries go on; both work once it is back', async () => {
    const person = await stage.join();
    const productId = await track(person, pageOf(stage.shop, 'aurora-desk-lamp'));
    await eventually(async () => must(await person.call('GET', `/v1/market/products/${productId}`), 200));
    await server.stop();
    const refused = await person.call('PATCH', `/v1/market/products/${productId}`, {
      body: { name: 'While it is away' },
    });
    expect({ status: refused.status, again: refused.headers.get('retry-after') }).toEqual({
      status: 503,
      again: expect.stringMatching(/^\d+$/),
    });
    must(await person.call('GET', `/v1/market/products/${productId}`), 200);
    server = await startStandIn({ log: server.log, port: server.port });
    await eventually(
      async () => {
        const body = { name: 'Back again' };
        must(await person.call('PATCH', `/v1/market/products/${productId}`, { body }), 200, 204);
      },
      { withinMs: 20_000 },
    );
    await eventually(
      async () => {
        const product = must(await person.call('GET', `/v1/market/products/${productId}`), 200);
        expect(product).toMatchObject({ name: 'Back again' });
      },
      { withinMs: 20_000 },
    );
  }, 60_000);
});
