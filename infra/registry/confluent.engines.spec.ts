import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { upcast } from '@daybook/schemas/contracts.ts';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { startRegistry } from '@daybook/test/engines/registry.ts';
import { confluentSchemaRegistry } from './confluent.ts';
import { goldenEvents } from './golden-events.fixture.ts';
import { makeMessageCodec, type MessageCodec } from './codec.ts';

const schemaOf = (type: string): string =>
  JSON.stringify({ type: 'record', name: 'Paid', fields: [{ name: 'id', type }] });

describeWithEngines('a registry that goes away', ['registry'], () => {
  let engine: Engine;
  let url = '';

  beforeAll(async () => {
    engine = await startRegistry();
    ({ url } = engine);
  }, 120_000);
  afterAll(() => engine.stop());

  test('what was asked once is answered while it is away, the rest is a passing error that says what is away', async () => {
    const registry = confluentSchemaRegistry({ url, timeoutMs: 2_000 });
    const id = await registry.register('things-Paid', schemaOf('string'));
    const reader = confluentSchemaRegistry({ url, timeoutMs: 2_000 });
    await reader.schemaOf(id);
    await engine.kill();

    expect(await registry.register('things-Paid', schemaOf('string'))).toBe(id);
    expect(JSON.parse(await reader.schemaOf(id))).toMatchObject({ name: 'Paid' });
    const away = {
      code: 'unavailable',
      retry: 'later',
      message: 'The schema registry is away.',
      fields: { registry: url },
    };
    await expect(reader.schemaOf(id + 1)).rejects.toMatchObject(away);
    await expect(registry.register('things-Due', schemaOf('string'))).rejects.toMatchObject(away);
    await expect(registry.versions('things-Paid')).rejects.toMatchObject(away);

    // Its memory is gone with it: what is registered again then is a matter of the registry.
    await engine.restart();
    await registry.register('things-Due', schemaOf('string'));
  }, 120_000);

  test('one that hangs is given up, and asked again once it goes on', async () => {
    const registry = confluentSchemaRegistry({ url, timeoutMs: 300 });
    engine.pause();
    const began = performance.now();
    await expect(registry.versions('hanging-Paid')).rejects.toMatchObject({
      code: 'unavailable',
      retry: 'later',
    });
    expect(performance.now() - began).toBeLessThan(5_000);
    engine.resume();
    expect(await confluentSchemaRegistry({ url }).versions('hanging-Paid')).toEqual([]);
  }, 60_000);

  test('the gate stands before the registry, and what an operator asks of a subject stays', async () => {
    const subject = `${randomUUID()}-Paid`;
    const config = `${url}/config/${subject}`;
    const json = { 'Content-Type': 'application/vnd.schemaregistry.v1+json' };
    const body = JSON.stringify({ compatibility: 'FORWARD' });
    await fetch(config, { method: 'PUT', headers: json, body });
    const registry = confluentSchemaRegistry({ url });
    await registry.register(subject, schemaOf('long'));
    // The registry itself would let it pass: a reader of longs reads ints.
    await expect(registry.register(subject, schemaOf('int'))).rejects.toMatchObject({
      code: 'schema-incompatible',
      fields: { subject, version: 1 },
    });
    expect(await registry.versions(subject)).toHaveLength(1);
    expect(await (await fetch(config)).json()).toEqual({ compatibilityLevel: 'FORWARD' });
  }, 60_000);

  test('processes understand each other, and go on while it is away with what they have asked', async () => {
    const events = goldenEvents();
    const codec = (): MessageCodec => makeMessageCodec({ registry: confluentSchemaRegistry({ url }) });
    const [writer, rival, reader] = [codec(), codec(), codec()];
    const readAll = async (messages: readonly OutMessage[]): Promise<void> => {
      for (const [index, message] of messages.entries()) {
        const event = events[index];
        if (event === undefined) throw new Error('A message stands for an event.');
        const back = await reader.decode(message);
        expect(back.data).toEqual(upcast(event.type, event.metadata.schemaVersion, event.data));
      }
    };
    const [first, second] = await Promise.all([writer.encodeEvents(events), rival.encodeEvents(events)]);
    expect(second).toEqual(first);
    await readAll(first);
    await engine.kill();
    await readAll(await writer.encodeEvents(events));
    await expect(codec().encodeEvents(events)).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
  }, 120_000);
});
