import { describe, expect, test } from '@jest/globals';

import { DaybookError } from '@daybook/kernel/errors.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { contractFor, topicContracts, upcast } from '@daybook/schemas/contracts.ts';
import { asyncApi } from '@daybook/schemas/tooling/asyncapi.ts';

import { attributesOf, headersOf } from './cloud-events.ts';
import { makeMessageCodec, type NewMessage } from './codec.ts';
import { memorySchemaRegistry } from './memory.ts';

const metadata: RecordedEvent['metadata'] = {
  schemaVersion: 1,
  tenantId: 'test-shop-c8e44f',
  actor: { kind: 'apiKey', id: 'key:7' },
  commandId: 'command-1',
  correlationId: 'correlation-1',
  command: 'RenameProduct',
  causationId: 'cause-1',
  steps: [{ kind: 'event', name: 'ProductTracked', ref: 'product-p@0', at: '2026-11-21T05:00:00.000Z' }],
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

const observed: RecordedEvent = {
  id: 'event-1',
  type: 'PriceObserved',
  data: {
    productId: 'p',
    observationId: 'o',
    requestId: 'r',
    price: { amountMinor: 1999, currency: 'EUR' },
    inStock: true,
    method: 'jsonLd',
    snapshotHash: 'h',
    observedAt: '2026-11-21T06:00:00.000Z',
  },
  metadata,
  stream: 'product-p',
  revision: 7,
  position: '00000000000000000042' as RecordedEvent['position'],
  recordedAt: '2026-11-21T06:00:00.123Z',
};

const renamed: RecordedEvent = {
  ...observed,
  type: 'ProductRenamed',
  data: { productId: 'p', name: 'Kettle' },
};

const request: NewMessage = {
  id: 'message-1',
  type: 'ScrapeRequested',
  data: { requestId: 'r', productId: 'p', url: 'https://shop.example/p', source: 'page' },
  metadata,
  recordedAt: '2026-11-21T06:00:00.123Z',
  key: 'shop.example',
  source: '/daybook/sagas/priceCheck',
};

/** A registry that counts what it is asked. */
function counted(): { registry: SchemaRegistry; asked: string[] } {
  const whole = memorySchemaRegistry();
  const asked: string[] = [];
  return {
    asked,
    registry: {
      ...whole,
      register: (subject, schema) => {
        asked.push(subject);
        return whole.register(subject, schema);
      },
      schemaOf: (id) => {
        asked.push(String(id));
        return whole.schemaOf(id);
      },
    },
  };
}

const withHeaders = (message: OutMessage, headers: Record<string, string | undefined>): OutMessage => ({
  ...message,
  headers: Object.fromEntries(
    Object.entries({ ...message.headers, ...headers }).filter(([, value]) => value !== undefined),
  ) as Record<string, string>,
});

describe('events', () => {
  test('come back as they were recorded', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const message = await codec.encodeEvent(renamed);
    expect(message.key).toBe(metadata.tenantId);
    expect(await codec.decode(message)).toStrictEqual(renamed);
  });

  test('come back in the current version, whatever the writer wrote', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const current = { ...metadata, schemaVersion: 2 };
    const upToDate = { ...observed, data: upcast('PriceObserved', 1, observed.data), metadata: current };
    expect(await codec.decode(await codec.encodeEvent(observed))).toEqual(upToDate);
    expect(await codec.decode(await codec.encodeEvent(upToDate as RecordedEvent))).toEqual(upToDate);
  });

  test('come back without what was not there', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const { command: _n, causationId: _c, steps: _s, traceparent: _t, ...few } = metadata;
    const bare = { ...renamed, metadata: few };
    expect(await codec.decode(await codec.encodeEvent(bare))).toStrictEqual(bare);
  });

  test('keep their order when encoded together', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const events = [observed, renamed, observed, renamed].map((event, n) => ({ ...event, id: String(n) }));
    const messages = await codec.encodeEvents(events);
    expect(messages.map(({ headers }) => headers['ce_id'])).toEqual(['0', '1', '2', '3']);
  });

  test('are framed as Confluent has it', async () => {
    const registry = memorySchemaRegistry();
    const { value } = await makeMessageCodec({ registry }).encodeEvent(renamed);
    const id = Buffer.from(value).readInt32BE(1);
    expect(value[0]).toBe(0);
    expect(JSON.parse(await registry.schemaOf(id))).toEqual(
      contractFor('ProductRenamed').versions[0]?.schema,
    );
    expect(Buffer.from(value).subarray(5).toString('hex')).toBe('0270020c4b6574746c65');
  });

  test('have the headers of a CloudEvent', async () => {
    const { headers } = await makeMessageCodec({ registry: memorySchemaRegistry() }).encodeEvent(observed);
    expect(headers).toEqual({
      'content-type': 'application/avro',
      ce_specversion: '1.0',
      ce_id: 'event-1',
      ce_type: 'PriceObserved',
      ce_source: '/daybook/log',
      ce_subject: 'product-p',
      ce_time: '2026-11-21T06:00:00.123Z',
      ce_position: '00000000000000000042',
      ce_revision: '7',
      ce_tenantid: 'test-shop-c8e44f',
      ce_schemaversion: '1',
      ce_actor: 'apiKey:key:7',
      ce_commandid: 'command-1',
      ce_command: 'RenameProduct',
      ce_steps:
        '[{"kind":"event","name":"ProductTracked","ref":"product-p@0","at":"2026-11-21T05:00:00.000Z"}]',
      ce_correlationid: 'correlation-1',
      ce_causationid: 'cause-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });
});

describe('topic messages', () => {
  test('come back as they were published, under their own key', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const message = await codec.encodeMessage(request);
    const { key, source, ...back } = request;
    expect(message.key).toBe(key);
    expect(message.headers['ce_source']).toBe(source);
    expect(await codec.decode(message)).toStrictEqual(back);
  });

  test('are not made of events, also once their schema is known', async () => {
    const event = { ...request, type: 'ProductRenamed', data: renamed.data };
    const other = makeMessageCodec({ registry: memorySchemaRegistry() });
    await other.encodeEvent(renamed);
    await expect(other.encodeMessage(event)).rejects.toMatchObject({ code: 'schema-incompatible' });
  });

  test('are no events, also once their schema is known', async () => {
    const codec = makeMessageCodec({ registry: memorySchemaRegistry() });
    const event = { ...observed, type: 'ScrapeRequested', data: request.data } as RecordedEvent;
    await expect(codec.encodeEvent(event)).rejects.toMatchObject({ code: 'schema-incompatible' });
    await codec.encodeMessage(request);
    await expect(codec.encodeEvents([event])).rejects.toMatchObject({ code: 'schema-incompatible' });
  });
});

describe('the registry', () => {
  test('knows every version under topic and record name, oldest first, whichever is written first', async () => {
    const registry = memorySchemaRegistry();
    const codec = makeMessageCodec({ registry });
    const data = upcast('PriceObserved', 1, observed.data);
    await codec.encodeEvent({
      ...observed,
      data,
      metadata: { ...metadata, schemaVersion: 2 },
    } as RecordedEvent);
    await codec.encodeEvent(observed);
    await codec.encodeMessage(request);
    const schemas = await registry.versions('daybook.events.v1-daybook.market.PriceObserved');
    expect(schemas.map(({ schema }) => JSON.parse(schema) as unknown)).toEqual(
      contractFor('PriceObserved').versions.map(({ schema }) => schema),
    );
    expect(await registry.versions('daybook.scrape-requests.v1-daybook.market.ScrapeRequested')).toHaveLength(
      1,
    );
  });

  test('is asked once for many messages, also at once', async () => {
    const { registry, asked } = counted();
    const codec = makeMessageCodec({ registry });
    const messages = await Promise.all(Array.from({ length: 20 }, () => codec.encodeEvent(renamed)));
    await codec.encodeEvents(Array.from({ length: 20 }, () => renamed));
    for (const message of messages) await codec.decode(message);
    expect(asked).toEqual(['daybook.events.v1-daybook.market.ProductRenamed', '1']);
  });

  test('may be away for a while: nothing of that is kept', async () => {
    const whole = memorySchemaRegistry();
    let away = true;
    const gone = new DaybookError('unavailable', 'Away.', { retry: 'later' });
    const codec = makeMessageCodec({
      registry: {
        ...whole,
        register: (subject, schema) => (away ? Promise.reject(gone) : whole.register(subject, schema)),
        schemaOf: (id) => (away ? Promise.reject(gone) : whole.schemaOf(id)),
      },
    });
    await expect(codec.encodeEvent(renamed)).rejects.toBe(gone);
    away = false;
    const message = await codec.encodeEvent(renamed);
    away = true;
    await expect(codec.decode(message)).rejects.toBe(gone);
    away = false;
    expect(await codec.decode(message)).toEqual(renamed);
  });
});

describe('what cannot be understood is refused', () => {
  const registry = memorySchemaRegistry();
  const codec = makeMessageCodec({ registry });
  const unknown = { code: 'schema-unknown', retry: 'never' };
  const incompatible = { code: 'schema-incompatible', retry: 'never' };

  async function framedAs(schema: object): Promise<OutMessage> {
    const id = await registry.register('elsewhere', JSON.stringify(schema));
    const message = await codec.encodeEvent(renamed);
    const value = Buffer.from(message.value);
    value.writeInt32BE(id, 1);
    return { ...message, value };
  }

  test('types and versions this build does not write', async () => {
    await expect(codec.encodeEvent({ ...renamed, type: 'Unheard' })).rejects.toMatchObject(unknown);
    const newer = { ...renamed, metadata: { ...metadata, schemaVersion: 9 } };
    await expect(codec.encodeEvent(newer)).rejects.toMatchObject(unknown);
  });

  test('data that does not fit, without telling it', async () => {
    const wrong = { ...renamed, data: { productId: 7, name: 'planted-secret' } };
    const error: unknown = await codec.encodeEvent(wrong).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ ...incompatible, fields: { type: 'ProductRenamed', path: 'productId' } });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('planted-secret');
  });

  test('an id the registry does not know', async () => {
    const message = await codec.encodeEvent(renamed);
    const value = Buffer.from(message.value);
    value.writeInt32BE(4711, 1);
    await expect(codec.decode({ ...message, value })).rejects.toMatchObject(unknown);
  });

  test('a version that a newer build published, and that lacks what this one asks for', async () => {
    const [current] = contractFor('ProductRenamed').versions;
    const fields = [{ name: 'by', type: 'string', default: '' }];
    const newer = await framedAs({ ...current?.schema, fields });
    await expect(codec.decode(newer)).rejects.toMatchObject({
      ...unknown,
      fields: { name: 'ProductRenamed' },
    });
  });

  test('a schema of the same name from elsewhere', async () => {
    const other = { type: 'record', name: 'ProductRenamed', namespace: 'other', fields: [] };
    const registered = await memorySchemaRegistry().register('x', JSON.stringify(other));
    expect(registered).toBe(1);
    const foreign = makeMessageCodec({
      registry: { ...registry, schemaOf: () => Promise.resolve(JSON.stringify(other)) },
    });
    await expect(foreign.decode(await codec.encodeEvent(renamed))).rejects.toMatchObject(unknown);
  });

  test('a schema that differs by its docs only is understood', async () => {
    const [current] = contractFor('ProductRenamed').versions;
    const reworded = makeMessageCodec({
      registry: {
        ...registry,
        schemaOf: () => Promise.resolve(JSON.stringify({ ...current?.schema, doc: 'In other words.' })),
      },
    });
    expect(await reworded.decode(await codec.encodeEvent(renamed))).toEqual(renamed);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a frame', Buffer.from([0, 0, 0, 1])],
    ['another first byte', Buffer.from([1, 0, 0, 0, 1, 2])],
    ['JSON', Buffer.from('{"productId":"p"}')],
  ])('a body that is %s', async (_, value) => {
    const message = await codec.encodeEvent(renamed);
    await expect(codec.decode({ ...message, value })).rejects.toMatchObject(incompatible);
  });

  test('a body cut short, or with more behind it', async () => {
    const message = await codec.encodeEvent(renamed);
    for (const value of [message.value.subarray(0, -1), Buffer.concat([message.value, Buffer.from([0])])])
      await expect(codec.decode({ ...message, value })).rejects.toMatchObject(incompatible);
  });

  const needed = Object.keys(headersOf({ ...renamed, source: '/' }, renamed)).filter(
    (name) =>
      ![
        'content-type',
        'ce_specversion',
        'ce_schemaversion',
        'ce_command',
        'ce_steps',
        'ce_causationid',
        'traceparent',
      ].includes(name),
  );

  test.each(needed)('a missing header %s', async (name) => {
    const message = await codec.encodeEvent(renamed);
    await expect(codec.decode(withHeaders(message, { [name]: undefined }))).rejects.toMatchObject({
      ...incompatible,
      fields: { header: name },
    });
  });

  test.each([
    ['ce_steps', 'one'],
    ['ce_steps', '{"kind":"event"}'],
    ['ce_actor', 'nobody'],
    ['ce_actor', 'robot:1'],
    ['ce_revision', '-1'],
    ['ce_revision', '1.5'],
    ['ce_revision', 'x'],
  ])('a header %s of %s', async (name, value) => {
    const message = await codec.encodeEvent(renamed);
    await expect(codec.decode(withHeaders(message, { [name]: value }))).rejects.toMatchObject({
      ...incompatible,
      fields: { header: name },
    });
  });

  test('a type in the header that is not that of the body', async () => {
    const message = await codec.encodeEvent(renamed);
    const lying = withHeaders(message, { ce_type: 'ProductStopped' });
    await expect(codec.decode(lying)).rejects.toMatchObject(incompatible);
  });
});

describe('headers', () => {
  test('are those the AsyncAPI document tells', () => {
    const { components } = asyncApi([], topicContracts) as {
      components: { schemas: Record<string, { properties: object; required: string[] }> };
    };
    const all = headersOf({ ...observed, source: '/' }, observed);
    const { command: _n, causationId: _c, steps: _s, traceparent: _t, ...few } = metadata;
    const required = headersOf({ ...observed, source: '/', metadata: few }, observed);
    expect(Object.keys(components.schemas['eventHeaders']?.properties ?? {}).sort()).toEqual(
      Object.keys(all).sort(),
    );
    expect(components.schemas['eventHeaders']?.required.sort()).toEqual(Object.keys(required).sort());
    const message = headersOf({ ...observed, source: '/' });
    expect(Object.keys(components.schemas['messageHeaders']?.properties ?? {}).sort()).toEqual(
      Object.keys(message).sort(),
    );
  });

  test.each(['user', 'apiKey', 'process', 'system', 'anonymous'] as const)(
    'carry an actor that is a %s',
    (kind) => {
      const actor = { kind, id: 'a:b:c' };
      const headers = headersOf({ ...renamed, source: '/', metadata: { ...metadata, actor } });
      expect(attributesOf(headers, 1).metadata.actor).toEqual(actor);
    },
  );
});
