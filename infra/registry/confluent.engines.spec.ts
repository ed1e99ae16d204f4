import { randomUUID } from 'node:crypto';
import { createServer, request as askHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { contracts, upcast } from '@daybook/schemas/contracts.ts';
import type { Engine } from '@daybook/test/engines/engine.ts';
import { describeWithEngines } from '@daybook/test/engines/engine-suite.ts';
import { startRegistry } from '@daybook/test/engines/registry.ts';
import { confluentSchemaRegistry } from './confluent.ts';
import { goldenEvents } from './golden-events.fixture.ts';
import { makeMessageCodec, type MessageCodec } from './codec.ts';
import { refusedSubjects } from './refused-subjects.ts';
import { writerIds } from './schema-ids.ts';

const schemaOf = (type: string): string =>
  JSON.stringify({ type: 'record', name: 'Paid', fields: [{ name: 'id', type }] });

/** A way to a registry that counts the requests. */
async function counting(
  to: string,
): Promise<Readonly<{ url: string; taken: () => number; close: () => void }>> {
  const { origin, pathname } = new URL(to);
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const { method = 'GET', url = '', headers } = request;
    const on = askHttp(`${origin}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(on);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}${pathname}`,
    taken: () => {
      const taken = requests;
      requests = 0;
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describeWithEngines('a registry that goes away', ['registry'], () => {
  let engine: Engine;
  let url = '';

  beforeAll(async () => {
    engine = await startRegistry();
    ({ url } = engine);
  }, 240_000);
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

  test('a start asks once for each version that is there: to check them, and again to write', async () => {
    const line = await counting(url);
    const all = [...contracts.values()];
    const registered = all.reduce((sum, { versions }) => sum + versions.length, 0);
    const registerAll = async (): Promise<void> => {
      const registry = confluentSchemaRegistry(line);
      const ids = { event: writerIds(registry, 'event'), message: writerIds(registry, 'message') };
      for (const { kind, name, currentVersion } of all) await ids[kind].ask(name, currentVersion);
    };
    await registerAll();
    // The last version, the level of compatibility twice, and the schema.
    expect(line.taken()).toBeLessThanOrEqual(4 * registered);
    expect(await refusedSubjects(line.url)).toEqual([]);
    // The list of subjects comes first.
    expect(line.taken()).toBe(1 + registered);
    await registerAll();
    expect(line.taken()).toBe(registered);
    line.close();
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
