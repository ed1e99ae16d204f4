import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { must } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { interfaceSuites } from './interface.ts';
import { openOnEngines, type EnginesStage } from './real-engines.ts';
import { pageOf, track } from './stage.ts';

// The broker is stopped under way.
describeWithEngines(
  'everything in one process, on EventStoreDB (stand-in), Kafka and a registry',
  ['kafka', 'registry'],
  (_, registry = '') => {
    let engines: EnginesStage;
    beforeAll(async () => {
      engines = await openOnEngines('one process', registry);
    }, 240_000);
    afterAll(() => engines.close(), 60_000);

    for (const suite of interfaceSuites) suite(() => engines.stage);

    describe('while Kafka is away', () => {
      test('commands go on, queries tell what they have, and all of it arrives once it is back', async () => {
        const { stage, kafka } = engines;
        const person = await stage.join();
        const productId = await track(person, pageOf(stage.shop, 'aurora-desk-lamp'));
        const product = `/v1/market/products/${productId}`;
        await eventually(async () => must(await person.call('GET', product), 200), { withinMs: 20_000 });
        await kafka.kill();
        must(await person.call('PATCH', product, { body: { name: 'While it is away' } }), 200, 204);
        must(await person.call('GET', product), 200);
        await kafka.restart();
        await eventually(
          async () => {
            expect(must(await person.call('GET', product), 200)).toMatchObject({ name: 'While it is away' });
          },
          { withinMs: 60_000 },
        );
      }, 120_000);
    });
  },
);
